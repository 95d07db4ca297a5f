// The square around a face, as mien.core.images.crop_box cuts it in Python.

import { image, part, resizeArea, rotation, round, warpAffine } from "./pixels.js";

const { max, min } = Math;
const LARGEST = 4_000_000; // pixels of a square that any image may give
const MOST = 89_000_000;
const TURNED = 32767; // OpenCV turns no larger sides

// The square around a box (x, y, width, height): level where `spec` says so, by the slope of the eyes.
export function cut(source, box, points, spec) {
  if (!spec.level) return cropBox(source, box, spec.margin, 0);
  const right = Math.fround(points[2] - points[0]);
  const down = Math.fround(points[3] - points[1]);
  const slope = round(Math.atan2(down, right) * (180 / Math.PI) * 10) / 10;
  const [x, y, width, height] = [...box].map((value) => round(4 * value) / 4);
  return cropBox(source, [x, y, max(width, 0.25), max(height, 0.25)], spec.margin, slope);
}

export function cropBox(source, [x, y, width, height], margin, slope) {
  const sideOf = (longest) => max(1, round(longest * (1 + 2 * margin)));
  let side = sideOf(max(width, height));
  if (side * side > LARGEST) {
    [source, [x, y, width, height]] = shrink(source, [x, y, width, height], side);
    side = sideOf(max(width, height));
  }
  if (slope !== 0) {
    if (max(source.width, source.height) >= TURNED) {
      const [left, top, right, bottom] = around(source, [x, y, width, height], side);
      source = part(source, left, top, right - left, bottom - top);
      [x, y] = [x - left, y - top];
    }
    const [middleX, middleY] = [x + width / 2 - 0.5, y + height / 2 - 0.5];
    const turn = rotation(middleX, middleY, slope);
    turn[2] += side / 2 - 0.5 - middleX;
    turn[5] += side / 2 - 0.5 - middleY;
    return warpAffine(source, turn, side);
  }
  const left = round(x + width / 2 - side / 2);
  const top = round(y + height / 2 - side / 2);
  const channels = min(3, source.channels);
  const result = image(side, side, channels);
  let to = 0;
  for (let row = top; row < top + side; row++) {
    const start = min(max(row, 0), source.height - 1) * source.width;
    for (let column = left; column < left + side; column++) {
      const from = (start + min(max(column, 0), source.width - 1)) * source.channels;
      for (let c = 0; c < channels; c++) result.data[to++] = source.data[from + c];
    }
  }
  return result;
}

// Left, upper, right and lower end of the part of an image that a turned square around a box can hold.
function around(source, [x, y, width, height], side) {
  const ends = (middle, length) => {
    const clip = (value) => Math.trunc(min(max(value, 0), length));
    const begin = min(clip(middle - 0.75 * side - 2), length - 1);
    return [begin, max(clip(middle + 0.75 * side + 2), begin + 1)];
  };
  const [left, right] = ends(x + width / 2, source.width);
  const [top, bottom] = ends(y + height / 2, source.height);
  return [left, top, right, bottom];
}

// The part of an image around a box, and the box in it, both smaller where the square would be too large.
function shrink(source, box, side) {
  const [left, top, right, bottom] = around(source, box, side);
  const [across, down] = [right - left, bottom - top];
  const factor = (min(MOST, max(LARGEST, 2 * down * across)) / side ** 2) ** 0.5;
  if (factor >= 1) return [source, box];
  const [width, height] = [max(1, round(across * factor)), max(1, round(down * factor))];
  const smaller = resizeArea(part(source, left, top, across, down), width, height);
  const [scaleX, scaleY] = [width / across, height / down];
  return [smaller, [(box[0] - left) * scaleX, (box[1] - top) * scaleY, box[2] * scaleX, box[3] * scaleY]];
}
