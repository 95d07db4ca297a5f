// Boxes, labels and bars over a picture. Every face has its box; labels and bars cover no other face.

import { percent, ranked, title } from "./words.js";

const PANEL = "rgb(15 18 26 / .85)", TRACK = "#3e4452", WHITE = "#fff", REST = "#c4c8d0";
const FONT = 13, LINE = 16, PAD = 6, BARS = 3; // CSS pixels; the most probable classes that get a bar
const BOLD = `600 ${FONT}px system-ui, sans-serif`;
const BAR = { width: 140, name: 62 };

/**
 * Draw the faces of a picture over it.
 *
 * @param canvas lies exactly over the picture
 * @param size the picture's [width, height] in the pixels of the boxes
 * @param colours class -> colour
 */
export function drawFaces(canvas, faces, size, colours) {
  const ratio = devicePixelRatio || 1, { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.textBaseline = "middle";
  const boxes = faces.map(({ box: [x, y, w, h] }) => ({
    ...{ left: (x * width) / size[0], top: (y * height) / size[1] },
    ...{ right: ((x + w) * width) / size[0], bottom: ((y + h) * height) / size[1] },
  }));
  const colour = (face) => colours.get(face.expression) ?? REST;
  faces.forEach((face, index) => outline(pen, boxes[index], colour(face), face.uncertain));
  const taken = [...boxes];
  const free = (spot, own) => spot.left >= 0 && spot.top >= 0 && spot.right <= width && spot.bottom <= height
    && !taken.some((one) => one !== own && meet(spot, one));
  const largest = faces.map((_, index) => index).sort((one, other) => area(boxes[other]) - area(boxes[one]));
  for (const index of largest) {
    const face = faces[index], box = boxes[index], number = faces.length > 1 ? `${face.track ?? index}` : "";
    const text = number ? `${number}  ${title(face)}` : title(face);
    const label = sizeOf(pen, text), full = {
      width: Math.max(label.width, BAR.width + 2 * PAD),
      height: label.height + BARS * LINE + 4,
    };
    const bars = around(box, full).find((spot) => free(spot));
    const alone = bars ? null : [...around(box, label), ...within(box, label)].find((spot) => free(spot, box));
    const spot = bars ?? alone ?? (number && corner(box, sizeOf(pen, number))); // in a crowd the number, as in the list
    if (!spot) continue;
    taken.push(spot);
    panel(pen, spot, bars || alone ? text : number, colour(face));
    if (bars) drawBars(pen, bars, label.height, face, colours);
  }
}

function sizeOf(pen, text) {
  pen.font = BOLD;
  return { width: pen.measureText(text).width + 2 * PAD, height: LINE + 6 };
}

const corner = (box, size) => at(box.left, box.top, size);

const area = (box) => (box.right - box.left) * (box.bottom - box.top);
const meet = (one, other) =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
const at = (left, top, { width, height }) => ({ left, top, right: left + width, bottom: top + height });

/** Places for a panel of a size right, left, below and above of a face. */
function around(box, size) {
  const gap = 4, lefts = [box.left, box.right - size.width], tops = [box.top, box.bottom - size.height];
  return [
    ...tops.flatMap((top) => [at(box.right + gap, top, size), at(box.left - gap - size.width, top, size)]),
    ...lefts.flatMap((left) => [at(left, box.bottom + gap, size), at(left, box.top - gap - size.height, size)]),
  ];
}

/** Places over the chin and the forehead of a face that is as wide. */
function within(box, size) {
  if (size.width > box.right - box.left || size.height > 0.25 * (box.bottom - box.top)) return [];
  return [at(box.left, box.bottom - size.height, size), at(box.left, box.top, size)];
}

function outline(pen, box, colour, uncertain) {
  const { left, top, right, bottom } = box;
  pen.lineJoin = "round";
  for (const [width, style] of [[5, PANEL], [2.5, colour]]) {
    pen.lineWidth = width;
    pen.strokeStyle = style;
    pen.setLineDash(uncertain && style === colour ? [7, 5] : []);
    pen.strokeRect(left, top, right - left, bottom - top);
  }
  pen.setLineDash([]);
}

function panel(pen, spot, text, colour) {
  pen.fillStyle = PANEL;
  pen.beginPath();
  pen.roundRect(spot.left, spot.top, spot.right - spot.left, spot.bottom - spot.top, 4);
  pen.fill();
  pen.fillStyle = colour;
  pen.fillRect(spot.left, spot.top + 4, 3, LINE - 2);
  pen.fillStyle = WHITE;
  pen.font = BOLD;
  pen.fillText(text, spot.left + PAD + 1, spot.top + (LINE + 6) / 2);
}

function drawBars(pen, spot, head, face, colours) {
  pen.font = `${FONT - 2}px system-ui, sans-serif`;
  ranked(face).slice(0, BARS).forEach(([name, share], line) => {
    const middle = spot.top + head + (line + 0.5) * LINE, left = spot.left + PAD + BAR.name, right = spot.right - 46;
    pen.fillStyle = WHITE;
    pen.fillText(name, spot.left + PAD, middle, BAR.name - 6);
    pen.textAlign = "right";
    pen.fillText(percent(share), spot.right - PAD, middle);
    pen.textAlign = "left";
    pen.fillStyle = TRACK;
    pen.fillRect(left, middle - 3, right - left, 6);
    pen.fillStyle = colours.get(name) ?? REST;
    pen.fillRect(left, middle - 3, (right - left) * share, 6);
  });
}

/** Clear what is drawn. */
export const clear = (canvas) => canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
