// Which seconds a picture shows, and what is drawn of them at its number of pixels.

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
const LEAST = 2; // pixels of the shortest bar that is drawn as it is; shorter ones are summed up in columns as wide
const LOWEST = 0.25; // the height of a column in which there is anything at all
export const SHORTEST = 2; // seconds that are shown at least

/** A stretch of time, in seconds after the beginning of a series. A span of Infinity is all of each series. */
export class View {
  constructor(from = 0, span = Infinity) {
    Object.assign(this, { from, span });
  }

  /** From and to, of a series of that length. */
  of(length) {
    const span = Math.min(this.span, length), from = Math.max(0, Math.min(this.from, length - span));
    return [from, from + span];
  }

  /** Show `factor` times as much; the time `at` stays where it is. */
  zoom(factor, at, length) {
    const [from, to] = this.of(length), span = Math.max(SHORTEST, (to - from) * factor);
    if (span >= length) return this.show(0, Infinity);
    this.show(at - ((at - from) / (to - from)) * span, span, length);
  }

  pan(seconds, length) {
    if (this.span < length) this.show(this.of(length)[0] + seconds, this.span, length);
  }

  show(from, span, length = Infinity) {
    this.span = span;
    this.from = Math.max(0, Math.min(from, length - span)) || 0;
  }
}

/** Seconds between the ticks of an axis with that many pixels. */
export const tickStep = (seconds, pixels) => STEPS.find((step) => (seconds / step) * 80 <= pixels) ?? 86400 * Math.ceil((seconds * 80) / pixels / 86400);

/** "1:02:03", with tenths where ticks are closer than a second. */
export function tickText(seconds, step = 1) {
  if (seconds < 0) return `-${tickText(-seconds, step)}`;
  const tenths = step < 1, whole = tenths ? Math.floor(seconds + 1e-6) : Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  const text = hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
  return tenths ? `${text}.${Math.round(10 * (seconds - whole)) % 10}` : text;
}

/** Bars { start, end } at `scale` pixels a second: those that are long enough, and columns [x, height 0 to 1] of the others. */
export function reduce(bars, from, to, scale) {
  const long = [], filled = new Float64Array(Math.ceil(((to - from) * scale) / LEAST) + 1);
  for (const bar of bars) {
    if (bar.end <= from || bar.start >= to) continue;
    if ((bar.end - bar.start) * scale >= LEAST) {
      long.push(bar);
      continue;
    }
    let a = (Math.max(bar.start, from) - from) * scale / LEAST;
    const b = Math.max((Math.min(bar.end, to) - from) * scale / LEAST, a + 1e-6);
    for (let at = Math.floor(a); a < b; at++) {
      const next = Math.min(at + 1, b);
      filled[at] += next - a;
      a = next;
    }
  }
  const columns = [];
  filled.forEach((share, at) => share && columns.push([at * LEAST, Math.max(LOWEST, Math.min(1, share))]));
  return { long, columns, width: LEAST };
}

/** Means of the planes of a series over bins of at least a pixel: { edges: seconds, values: [class][bin] or NaN, states: [state][bin] }. */
export function bins(series, from, to, pixels, none) {
  const { n, step, planes } = series, k = planes.length - 1;
  const first = Math.max(0, Math.floor(from / step)), after = Math.min(n, Math.ceil(to / step));
  const each = Math.max(1, Math.floor((to - from) / step / pixels + 1e-6)); // samples of a bin
  const begin = first - (first % each), count = Math.max(0, Math.ceil((after - begin) / each));
  const values = Array.from({ length: k }, () => new Float32Array(count)), states = Array.from({ length: 4 }, () => new Float32Array(count));
  for (let bin = 0; bin < count; bin++) {
    const a = begin + bin * each, b = Math.min(n, a + each);
    for (let c = 0; c < k; c++) {
      let sum = 0, valid = 0;
      for (let at = a; at < b; at++) if (planes[c][at] !== none) (sum += planes[c][at]), valid++;
      values[c][bin] = valid ? sum / valid / 100 : NaN;
    }
    for (let at = a; at < b; at++) states[planes[k][at]][bin] += 1 / (b - a);
  }
  const edges = Array.from({ length: count + 1 }, (_, bin) => Math.min(n, begin + bin * each) * step);
  return { edges, values, states };
}
