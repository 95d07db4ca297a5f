// Images as OpenCV resizes, turns and greys them in Python (mien.core.images), to the last bit where it can be.
//
// An image is {data, width, height, channels}: bytes row by row, with 4 channels (RGBA, whose alpha is not read), 3 or 1.

const { fround, min, max, floor, ceil } = Math;

// The nearest whole number; of two as near the even one, as Python's round and OpenCV's cvRound.
export function round(value) {
  const low = floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

export function image(width, height, channels, data = new Uint8Array(width * height * channels)) {
  return { data, width, height, channels };
}

// The part of an image from (left, top), at most `width` x `height`; without an alpha.
export function part(source, left, top, width, height) {
  const right = min(source.width, left + width);
  const bottom = min(source.height, top + height);
  const channels = min(3, source.channels);
  const result = image(right - left, bottom - top, channels);
  let to = 0;
  for (let y = top; y < bottom; y++) {
    let from = (y * source.width + left) * source.channels;
    for (let x = left; x < right; x++, from += source.channels) {
      for (let c = 0; c < channels; c++) result.data[to++] = source.data[from + c];
    }
  }
  return result;
}

// The image with its sides multiplied by `factor`, by area averages.
export function rescale(source, factor) {
  if (factor === 1) return source;
  return resizeArea(source, max(1, round(source.width * factor)), max(1, round(source.height * factor)));
}

// The image as size x size: area averages when it shrinks, bilinear when it grows.
export function resizeSquare(source, size) {
  if (source.width === size && source.height === size) return source;
  const shrinks = source.width * source.height > size * size;
  return shrinks ? resizeArea(source, size, size) : resizeLinear(source, size, size, false);
}

// cv2.resize with INTER_AREA.
export function resizeArea(source, width, height) {
  const across = source.width / width;
  const down = source.height / height;
  if (across < 1 || down < 1) return resizeLinear(source, width, height, true);
  if (Number.isInteger(across) && Number.isInteger(down)) return averageBlocks(source, width, height, across, down);
  const channels = min(3, source.channels);
  const columns = areaTable(source.width, width, across);
  const rows = areaTable(source.height, height, down);
  const result = image(width, height, channels);
  const line = new Float32Array(width * channels);
  const sum = new Float32Array(width * channels);
  for (let index = 0; index < rows.to.length; index++) {
    line.fill(0);
    const start = rows.from[index] * source.width * source.channels;
    for (let k = 0; k < columns.to.length; k++) {
      const from = start + columns.from[k] * source.channels;
      const to = columns.to[k] * channels;
      const share = columns.share[k];
      for (let c = 0; c < channels; c++) line[to + c] += fround(source.data[from + c] * share);
    }
    const share = rows.share[index];
    if (index === 0 || rows.to[index] !== rows.to[index - 1]) sum.fill(0);
    for (let x = 0; x < sum.length; x++) sum[x] += fround(line[x] * share);
    if (index + 1 === rows.to.length || rows.to[index + 1] !== rows.to[index]) {
      const to = rows.to[index] * sum.length;
      for (let x = 0; x < sum.length; x++) result.data[to + x] = min(255, round(sum[x]));
    }
  }
  return result;
}

function averageBlocks(source, width, height, across, down) {
  const channels = min(3, source.channels);
  const result = image(width, height, channels);
  const halves = across === 2 && down === 2; // which OpenCV rounds up
  const share = fround(1 / (across * down));
  const { data } = source;
  const row = source.width * source.channels;
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const start = y * down * row + x * across * source.channels;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let j = 0; j < down; j++) {
          for (let i = 0; i < across; i++) sum += data[start + j * row + i * source.channels + c];
        }
        result.data[to++] = halves ? (sum + 2) >> 2 : round(fround(sum * share));
      }
    }
  }
  return result;
}

// Which pixels each pixel of a shrunk side averages, and their shares.
function areaTable(length, size, scale) {
  const to = [];
  const from = [];
  const share = [];
  const add = (target, origin, value) => {
    to.push(target);
    from.push(origin);
    share.push(fround(value));
  };
  for (let at = 0; at < size; at++) {
    const begin = at * scale;
    const end = begin + scale;
    const cell = min(scale, length - begin);
    const last = min(floor(end), length - 1);
    const first = min(ceil(begin), last);
    if (first - begin > 1e-3) add(at, first - 1, (first - begin) / cell);
    for (let k = first; k < last; k++) add(at, k, 1 / cell);
    if (end - last > 1e-3) add(at, last, min(end - last, 1, cell) / cell);
  }
  return { to: Int32Array.from(to), from: Int32Array.from(from), share: Float32Array.from(share) };
}

// cv2.resize with INTER_LINEAR, or with INTER_AREA where the image grows (`area`).
export function resizeLinear(source, width, height, area) {
  const channels = min(3, source.channels);
  const columns = linearTable(source.width, width, area);
  const rows = linearTable(source.height, height, area);
  for (let x = 0; x < width; x++) {
    if (columns.from[x] >= 0 && columns.from[x] < source.width - 1) continue; // of rows OpenCV keeps both weights
    columns.from[x] = columns.from[x] < 0 ? 0 : source.width - 1;
    columns.first[x] = 2048;
    columns.second[x] = 0;
  }
  const result = image(width, height, channels);
  const lines = [new Int32Array(width * channels), new Int32Array(width * channels)];
  const held = [-1, -1];
  const { data } = source;
  for (let y = 0; y < height; y++) {
    const wanted = [max(0, rows.from[y]), min(rows.from[y] + 1, source.height - 1)];
    if (held[0] !== wanted[0] && held[1] === wanted[0]) {
      lines.reverse();
      held.reverse();
    }
    for (let k = 0; k < 2; k++) {
      if (held[k] === wanted[k]) continue;
      held[k] = wanted[k];
      const start = wanted[k] * source.width;
      for (let x = 0; x < width; x++) {
        const left = (start + columns.from[x]) * source.channels;
        const right = (start + min(columns.from[x] + 1, source.width - 1)) * source.channels;
        for (let c = 0; c < channels; c++) {
          lines[k][x * channels + c] = data[left + c] * columns.first[x] + data[right + c] * columns.second[x];
        }
      }
    }
    const [upper, lower] = lines;
    const [first, second] = [rows.first[y], rows.second[y]];
    const to = y * width * channels;
    for (let x = 0; x < width * channels; x++) {
      const sum = ((first * (upper[x] >> 4)) >> 16) + ((second * (lower[x] >> 4)) >> 16);
      result.data[to + x] = (sum + 2) >> 2;
    }
  }
  return result;
}

// Between which two pixels each pixel of a side lies, and their weights in 2048ths.
function linearTable(length, size, area) {
  const from = new Int32Array(size);
  const first = new Int32Array(size);
  const second = new Int32Array(size);
  const inverse = size / length;
  const scale = 1 / inverse;
  for (let at = 0; at < size; at++) {
    const place = area ? at * scale : fround((at + 0.5) * scale - 0.5);
    const low = floor(place);
    let rest = fround(place - low);
    if (area) {
      rest = fround(at + 1 - (low + 1) * inverse);
      rest = rest <= 0 ? 0 : fround(rest - floor(rest));
    }
    from[at] = low;
    first[at] = round(fround(fround(1 - rest) * 2048));
    second[at] = round(fround(rest * 2048));
  }
  return { from, first, second };
}

// cv2.cvtColor to grey: ITU-R 601 luma.
export function toGrey(source) {
  if (source.channels === 1) return source;
  const result = image(source.width, source.height, 1);
  const { data, channels } = source;
  for (let to = 0, at = 0; to < result.data.length; to++, at += channels) {
    result.data[to] = (data[at] * 9798 + data[at + 1] * 19235 + data[at + 2] * 3735 + 16384) >> 15;
  }
  return result;
}

// cv2.warpAffine of `matrix` (6 numbers) to size x size, bilinear; outside the image its edge is repeated. OpenCV
// counts in 1/32 of a pixel.
export function warpAffine(source, matrix, size) {
  const { data, width, height } = source;
  const channels = min(3, source.channels);
  const result = image(size, size, channels);
  const [a, b, c, d, e, f] = inverse(matrix);
  const across = Int32Array.from({ length: size }, (_, x) => round(a * x * 1024));
  const down = Int32Array.from({ length: size }, (_, x) => round(d * x * 1024));
  let to = 0;
  for (let y = 0; y < size; y++) {
    const startX = round((b * y + c) * 1024) + 16;
    const startY = round((e * y + f) * 1024) + 16;
    for (let x = 0; x < size; x++) {
      const placeX = (startX + across[x]) >> 5;
      const placeY = (startY + down[x]) >> 5;
      const left = min(max(placeX >> 5, 0), width - 1);
      const right = min(max((placeX >> 5) + 1, 0), width - 1);
      const upper = min(max(placeY >> 5, 0), height - 1) * width;
      const lower = min(max((placeY >> 5) + 1, 0), height - 1) * width;
      const i = placeX & 31;
      const j = placeY & 31;
      for (let k = 0; k < channels; k++) {
        const first = data[(upper + left) * source.channels + k] * (32 - i) + data[(upper + right) * source.channels + k] * i;
        const second = data[(lower + left) * source.channels + k] * (32 - i) + data[(lower + right) * source.channels + k] * i;
        result.data[to++] = (first * (32 - j) + second * j + 512) >> 10;
      }
    }
  }
  return result;
}

function inverse([a, b, c, d, e, f]) {
  const determinant = a * e - b * d;
  const scale = determinant === 0 ? 0 : 1 / determinant;
  const [p, q, r, s] = [e * scale, b * -scale, d * -scale, a * scale];
  return [p, q, -p * c - q * f, r, s, -r * c - s * f];
}

// cv2.getRotationMatrix2D, for degrees counter-clockwise.
export function rotation(x, y, degrees) {
  const angle = degrees * (Math.PI / 180);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [centreX, centreY] = [fround(x), fround(y)];
  return [cos, sin, (1 - cos) * centreX - sin * centreY, -sin, cos, sin * centreX + (1 - cos) * centreY];
}
