// Which face of a frame is which face of the frames before, and probabilities smoothed along it: as
// mien.recognition.tracking and mien.recognition.smoothing do it, with the numbers that page.json has of them.

function overlap([x, y, w, h], [a, b, c, d]) {
  const wide = Math.min(x + w, a + c) - Math.max(x, a), high = Math.min(y + h, b + d) - Math.max(y, b);
  const shared = Math.max(wide, 0) * Math.max(high, 0);
  return shared / (w * h + c * d - shared);
}

/** Gives the boxes of frame after frame their ids, 1, 2, 3 ... in the order in which faces appear. */
export class Tracker {
  #latest = 0;
  #known = new Map(); // id -> { box, time, misses }

  constructor(rules) {
    this.rules = rules;
  }

  /** The ids of the boxes (x, y, width, height in whole pixels) seen at a time in seconds; largest overlaps first. */
  next(time, boxes) {
    const { gap, misses, overlap: least } = this.rules;
    const recent = [...this.#known].filter(([, seen]) => time - seen.time <= gap || seen.misses < misses);
    const pairs = boxes.flatMap((box, at) => recent.map(([id, seen]) => ({ at, id, shared: overlap(box, seen.box) })));
    const ids = Array(boxes.length).fill(0), given = new Set();
    for (const { at, id, shared } of pairs.sort((one, other) => other.shared - one.shared)) {
      if (shared < least) break;
      if (ids[at] || given.has(id)) continue;
      ids[at] = id;
      given.add(id);
    }
    for (const at of ids.keys()) ids[at] ||= ++this.#latest;
    const missed = recent.filter(([id]) => !given.has(id));
    this.#known = new Map(missed.map(([id, seen]) => [id, { ...seen, misses: seen.misses + 1 }]));
    ids.forEach((id, at) => this.#known.set(id, { box: boxes[at], time, misses: 0 }));
    return ids;
  }
}

/** The mean of a track's probabilities near a time, weighted by a Gaussian; `seen` has { time, shares } each. */
function mean(seen, time, { sigma, reach }) {
  const sums = seen[0].shares.map(() => 0);
  let total = 0;
  for (const one of seen) {
    if (Math.abs(one.time - time) > reach * sigma) continue;
    const weight = sigma ? Math.exp(-0.5 * ((one.time - time) / sigma) ** 2) : Number(one.time === time);
    total += weight;
    one.shares.forEach((share, index) => (sums[index] += weight * share));
  }
  return sums.map((sum) => Math.round((1e6 * sum) / total) / 1e6);
}

/** Fill in the columns s_... of a video's rows: means of p_... along each track. */
export function smooth(rows, labels, rules) {
  const tracks = new Map();
  for (const row of rows) {
    if (!row.track) continue;
    if (!tracks.has(row.track)) tracks.set(row.track, []);
    tracks.get(row.track).push({ row, time: row.time, shares: labels.map((label) => row[`p_${label}`]) });
  }
  const reach = rules.reach * rules.sigma;
  for (const seen of tracks.values()) {
    let first = 0, after = 0;
    for (const { row, time } of seen) {
      while (time - seen[first].time > reach) first++;
      while (after < seen.length && seen[after].time - time <= reach) after++;
      const shares = mean(seen.slice(first, after), time, rules);
      labels.forEach((label, index) => (row[`s_${label}`] = shares[index]));
    }
  }
}

/** The faces of a camera's pictures with tracks, and probabilities smoothed by the pictures before. */
export class Follower {
  #seen = new Map(); // track -> [{ time, shares }]

  constructor(rules) {
    this.rules = rules;
    this.tracker = new Tracker(rules);
  }

  /** Take the faces of the picture of a time in seconds, and return them as they are to be shown. */
  next(time, faces) {
    const tracks = this.tracker.next(time, faces.map((face) => face.box));
    const before = this.#seen, { sigma, reach } = this.rules;
    this.#seen = new Map([...before].filter(([, seen]) => time - seen.at(-1).time <= reach * sigma));
    return faces.map((face, index) => {
      const track = tracks[index], names = Object.keys(face.probabilities);
      const near = (this.#seen.get(track) ?? []).filter((one) => time - one.time <= reach * sigma);
      this.#seen.set(track, [...near, { time, shares: Object.values(face.probabilities) }]);
      const shares = mean(this.#seen.get(track), time, this.rules);
      return withShares({ ...face, track }, Object.fromEntries(names.map((name, of) => [name, shares[of]])));
    });
  }
}

/** A face with other probabilities: what it shows is the most probable by them. */
export function withShares(face, probabilities) {
  const [[expression, confidence]] = Object.entries(probabilities).sort((one, other) => other[1] - one[1]);
  return { ...face, probabilities, expression, confidence };
}
