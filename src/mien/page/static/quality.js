// Which faces cannot be relied on, and why, as mien.faces.quality decides it in Python. `spec` has its constants.

import { resizeSquare, toGrey } from "./pixels.js";

// For each of spec.reasons (small, blurred, dark, profile, cut off, hidden) whether it holds.
export function reasons(face, crop, width, height, spec) {
  const grey = toGrey(crop);
  const view = resizeSquare(grey, spec.side);
  const longer = Math.max(face[2], face[3]);
  const points = face.subarray(4, 14);
  const small = longer < spec.smallest;
  const blurred = sharpness(view) < Math.fround(spec.blurred);
  const dark = Math.sqrt(variance(grey.data)) < spec.dim;
  const profile = Math.abs(noseOffset(points)) > spec.profile;
  const cutOff = edgeDistance(points, width, height) / longer < spec.cut_off;
  const unsure = face[14] < Math.fround(spec.hidden) && longer >= 2 * spec.smallest;
  const hidden = (plainShare(view) > spec.plain || unsure) && !(small || blurred || dark || profile || cutOff);
  return [small, blurred, dark, profile, cutOff, hidden];
}

function variance(values) {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return squares / values.length;
}

// An index beyond a side as OpenCV continues it: mirrored, without the edge twice.
const mirrored = (at, length) => (at < 0 ? -at : at >= length ? 2 * length - 2 - at : at);

// The Laplacian's variance over the brightness's; 0 of one colour.
function sharpness({ data, width, height }) {
  const spread = variance(data);
  if (!spread) return 0;
  const edges = new Float64Array(data.length);
  for (let y = 0; y < height; y++) {
    const [above, below] = [mirrored(y - 1, height) * width, mirrored(y + 1, height) * width];
    for (let x = 0; x < width; x++) {
      const sides = data[y * width + mirrored(x - 1, width)] + data[y * width + mirrored(x + 1, width)];
      edges[y * width + x] = sides + data[above + x] + data[below + x] - 4 * data[y * width + x];
    }
  }
  return Math.fround(variance(edges) / spread);
}

// The share of the middle (from a sixth to five sixths of each side) that has one brightness.
function plainShare({ data, width, height }) {
  const limit = variance(data) / 400;
  const begin = Math.round(width / 6);
  let plain = 0;
  for (let y = begin; y < height - begin; y++) {
    for (let x = begin; x < width - begin; x++) {
      let [sum, squares] = [0, 0];
      for (let j = y - 2; j <= y + 2; j++) {
        for (let i = x - 2; i <= x + 2; i++) {
          const value = data[j * width + i];
          sum += value;
          squares += value * value;
        }
      }
      const mean = sum / 25;
      if (squares / 25 - mean ** 2 < limit && mean < 250) plain++;
    }
  }
  return plain / (width - 2 * begin) ** 2;
}

// How far the nose is from the middle of eyes and mouth, along the line of the eyes, in distances of the eyes.
function noseOffset(points) {
  const [across, down] = [points[2] - points[0], points[3] - points[1]];
  const away = [0, 1].map((k) => points[4 + k] - (points[k] + points[2 + k] + points[6 + k] + points[8 + k]) / 4);
  return (away[0] * across + away[1] * down) / Math.max(across ** 2 + down ** 2, 1e-6);
}

// The least distance of a landmark from the edge of the image, in pixels.
function edgeDistance(points, width, height) {
  let least = Infinity;
  for (let k = 0; k < 10; k++) least = Math.min(least, points[k], (k % 2 ? height : width) - points[k]);
  return least;
}
