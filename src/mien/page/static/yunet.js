// YuNet, as mien.faces.detectors.yunet and yunet_network search with it in Python. `spec` has their constants.
//
// A face is a Float32Array of 15: x, y, width, height, five landmarks (x, y), the score.

import { part, rescale, round } from "./pixels.js";

const { fround, max, min, floor, ceil } = Math;

export class YuNet {
  constructor(session, spec, tensor) {
    this.session = session;
    this.spec = spec;
    this.tensor = tensor; // (numbers, shape) => a tensor of the session's runtime
    this.nodes = spec.outputs.flatMap((output) => spec.strides.map((stride) => `${output}_${stride}`));
  }

  // The faces of an image, the larger ones first. `minFace` null searches the whole only.
  async find(source, minFace, onProgress = () => {}) {
    const { longest, shared, again } = this.spec;
    const { width, height } = source;
    const fit = min(longest / width, longest / height);
    const whole = min(1, fit);
    const searches = this.#larger(whole, minFace, min(width, height)).map((factor) => [factor, this.#tiles(source, factor)]);
    const total = searches.reduce((sum, [, tiles]) => sum + tiles.length, 1);
    let [done, least] = [0, 0];
    const found = [];
    const keep = (faces) => found.push(...faces.filter((one) => max(one[2], one[3]) >= fround(least)));
    for (const [factor, tiles] of searches) {
      const faces = [];
      for (const tile of tiles) {
        faces.push(...(await this.#searchTile(source, factor, tile)));
        onProgress(++done / total);
      }
      keep(faces);
      least = (again * shared) / factor;
    }
    let faces = await this.#search(source, whole);
    if (!faces.length) faces = await this.#search(source, fit >= 2 ? whole * 2 : whole / 2);
    keep(faces);
    const merged = searches.length ? suppress(byScore(found), this.spec.overlap, (one) => one) : faces;
    const area = (one) => fround(one[2] * one[3]);
    return merged
      .map((one) => clip(one, width, height))
      .filter((one) => one[2] > 0 && one[3] > 0)
      .sort((one, other) => area(other) - area(one));
  }

  // The factors of the searches in tiles, the largest first; none where the shorter side becomes too short.
  #larger(whole, minFace, shorter) {
    const { face, least, step, smallest } = this.spec;
    const factors = [];
    let factor = minFace === null ? 0 : face / minFace;
    for (; factor > (whole * face) / least && round(shorter * factor) >= smallest; factor /= step) factors.push(factor);
    return factors;
  }

  // The tiles of a search: left, top, width, height, and from where to where the middle of a face is nearest to it.
  #tiles(source, factor) {
    const { longest, shared } = this.spec;
    const side = Math.trunc(longest / factor);
    const cover = (length) => spread(length, side, round(shared / factor));
    const columns = cover(source.width);
    return cover(source.height).flatMap((row) => columns.map((column) => ({ row, column, side })));
  }

  async #searchTile(source, factor, { row, column, side }) {
    const [[top, beginY, endY], [left, beginX, endX]] = [row, column];
    const shared = fround(this.spec.shared / factor);
    const faces = await this.#search(part(source, left, top, side, side), factor);
    return faces.filter((one) => {
      for (const at of [0, 4, 6, 8, 10, 12]) one[at] += left;
      for (const at of [1, 5, 7, 9, 11, 13]) one[at] += top;
      const x = fround(one[0] + fround(one[2] / 2));
      const y = fround(one[1] + fround(one[3] / 2));
      const own = x >= beginX && x < endX && y >= beginY && y < endY && one[2] <= shared && one[3] <= shared;
      return own && one[14] >= fround(this.spec.sure);
    });
  }

  // The faces in pixels of the image, whose sides are multiplied by `factor` first.
  async #search(source, factor) {
    const searched = rescale(source, factor);
    if (min(searched.width, searched.height) < this.spec.smallest) return [];
    const across = source.width / searched.width;
    const down = source.height / searched.height;
    const faces = await this.#network(searched);
    for (const one of faces) {
      for (let at = 0; at < 14; at++) one[at] *= at % 2 ? down : across;
    }
    return faces;
  }

  async #network({ data, width, height, channels }) {
    const last = this.spec.strides.at(-1);
    const [across, down] = [ceil(width / last) * last, ceil(height / last) * last];
    const planes = new Float32Array(3 * down * across); // blue, green, red, from 0 to 255
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0, to = y * across; x < width; x++, to++, at += channels) {
        planes[to] = data[at + 2];
        planes[to + down * across] = data[at + 1];
        planes[to + 2 * down * across] = data[at];
      }
    }
    const feeds = { [this.session.inputNames[0]]: this.tensor(planes, [1, 3, down, across]) };
    const numbers = await this.session.run(feeds, this.nodes);
    return this.#decode((output, stride) => numbers[`${output}_${stride}`].data, across);
  }

  #decode(numbers, width) {
    const { strides, outputs, score, overlap, most } = this.spec;
    const found = [];
    for (const stride of strides) {
      const [faces, objects, boxes, points] = outputs.map((output) => numbers(output, stride));
      const row = floor(width / stride);
      for (let at = 0; at < faces.length; at++) {
        const sure = fround(Math.sqrt(fround(share(faces[at]) * share(objects[at]))));
        if (!(sure >= fround(score))) continue;
        const cell = [at % row, floor(at / row)];
        const one = new Float32Array(15);
        for (let k = 0; k < 2; k++) {
          const side = fround(Math.exp(boxes[4 * at + 2 + k]));
          one[k] = (cell[k] + boxes[4 * at + k] - side / 2) * stride;
          one[2 + k] = side * stride;
        }
        for (let k = 0; k < 10; k++) one[4 + k] = (points[10 * at + k] + cell[k % 2]) * stride;
        one[14] = sure;
        found.push(one);
      }
    }
    return suppress(byScore(found).slice(0, most), overlap, (one) => one.map(Math.trunc)); // whole pixels, as OpenCV
  }
}

const share = (value) => min(max(value, 0), 1);
const byScore = (faces) => faces.sort((one, other) => other[14] - one[14]);

// The faces, best first, that stay where of two that share more than `overlap` of their union the better does.
function suppress(faces, overlap, boxOf) {
  const boxes = faces.map((one) => {
    const [x, y, width, height] = boxOf(one);
    return { x, y, right: fround(x + width), bottom: fround(y + height), area: fround(width * height) };
  });
  const shared = (one, other) => {
    const across = fround(min(one.right, other.right) - max(one.x, other.x));
    const down = fround(min(one.bottom, other.bottom) - max(one.y, other.y));
    return fround(max(across, 0) * max(down, 0));
  };
  const kept = [];
  let left = faces.map((_, index) => index);
  while (left.length) {
    const [best, ...rest] = left;
    kept.push(faces[best]);
    left = rest.filter((index) => {
      const common = shared(boxes[best], boxes[index]);
      const union = fround(fround(boxes[best].area + boxes[index].area) - common);
      return common <= fround(fround(overlap) * union);
    });
  }
  return kept;
}

function clip(face, width, height) {
  const one = face.slice();
  for (const [k, length] of [[0, width], [1, height]]) {
    const end = min(fround(face[k] + face[2 + k]), length);
    one[k] = max(face[k], 0);
    one[2 + k] = end - one[k];
  }
  return one;
}

// Where tiles of a side start that cover a length and share at least `shared` pixels with the next, and from where to
// where the middle of a tile is nearer than that of another one.
function spread(length, side, shared) {
  const count = length <= side ? 1 : ceil((length - shared) / (side - shared));
  const room = max(0, length - side);
  const starts = Array.from({ length: count }, (_, at) => (at && at === count - 1 ? room : round(at * (room / (count - 1 || 1)))));
  const ends = starts.slice(1).map((start, at) => (starts[at] + start + side) / 2);
  return starts.map((start, at) => [start, ends[at - 1] ?? -Infinity, ends[at] ?? Infinity]);
}
