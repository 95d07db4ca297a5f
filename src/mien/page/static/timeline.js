// A video's expressions over time: a lane for each track, stacked areas of its probabilities. A click seeks.

import { hasFace } from "./results.js";
import { clock, make, quantity } from "./words.js";

const BINS = 240, LANES = 12, CLASSES = 8, HEIGHT = 100; // over the whole video; the longest tracks; the most probable classes
const REST = "#c4c8d0", STEP = 1; // seconds that an arrow key seeks
const SVG = "http://www.w3.org/2000/svg";
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];

export class Timeline {
  #cursor = make("div");
  #slider = make("div");
  #length = 0;

  /** `seek(seconds)` shows the video at a time. */
  constructor(place, { seek, colours, labels }) {
    Object.assign(this, { place, seek, colours, labels });
    this.#cursor.className = "cursor";
    Object.assign(this.#slider, { className: "lanes", tabIndex: 0, role: "slider" });
    Object.assign(this.#slider, { ariaLabel: "Time in the video", ariaValueMin: "0" });
    this.#slider.addEventListener("click", (event) => {
      const { left, width } = this.#slider.getBoundingClientRect();
      this.seek(Math.max(0, Math.min(1, (event.clientX - left) / width)) * this.#length);
    });
    this.#slider.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const now = Number(this.#slider.ariaValueNow) || 0, page = this.#length / 10;
    const steps = { ArrowRight: STEP, ArrowUp: STEP, ArrowLeft: -STEP, ArrowDown: -STEP, PageUp: page, PageDown: -page };
    const ends = { Home: 0, End: this.#length };
    const wanted = event.key in steps ? now + steps[event.key] : ends[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    this.seek(Math.max(0, Math.min(wanted, this.#length)));
  }

  /** Draw the lanes of a video, as far as its rows are there. */
  show(item) {
    const last = item.frames.at(-1)?.time ?? 0;
    this.#length = Math.max(item.length, last) || 1;
    this.#slider.ariaValueMax = this.#length.toFixed(1);
    const lanes = this.#lanes(item), shown = lanes.slice(0, LANES).sort((one, other) => one.track - other.track);
    const classes = this.#classes(shown);
    this.#slider.replaceChildren(...shown.map((lane) => this.#lane(lane, classes)), this.#cursor);
    const notes = lanes.length > LANES ? [make("p", `the ${LANES} longest of ${quantity(lanes.length, "face")}`)] : [];
    if (!lanes.length) notes.push(make("p", item.done ? "no face found" : ""));
    this.place.replaceChildren(this.#legend(classes), this.#slider, this.#axis(), ...notes);
    this.place.hidden = false;
  }

  hide() {
    this.place.hidden = true;
  }

  /** Mark the time that the video shows. */
  mark(time) {
    this.#cursor.style.left = `${Math.min(100, (100 * time) / this.#length)}%`;
    this.#slider.ariaValueNow = time.toFixed(1);
    this.#slider.ariaValueText = clock(time);
  }

  /** Means of the probabilities over equal stretches of the video by track; the longest track first. */
  #lanes({ frames }) {
    const lanes = new Map(), k = this.labels.length, scale = BINS / this.#length;
    const step = frames.length > 1 ? frames.at(-1).time / (frames.length - 1) : this.#length;
    frames.forEach(({ time, rows }, index) => {
      const until = frames[index + 1]?.time ?? time + step; // a frame lasts until the next one
      const first = Math.min(BINS - 1, Math.floor(time * scale + 1e-6));
      const after = Math.min(BINS, Math.max(first + 1, Math.ceil(until * scale - 1e-6)));
      for (const row of rows.filter(hasFace)) {
        const { person: track } = row, kind = `s_${this.labels[0]}` in row ? "s" : "p";
        if (!lanes.has(track)) {
          lanes.set(track, { track, n: 0, sums: new Float64Array(BINS * k), counts: new Float64Array(BINS) });
        }
        const lane = lanes.get(track);
        lane.n++;
        for (let at = first; at < after; at++) {
          lane.counts[at]++;
          this.labels.forEach((label, of) => (lane.sums[at * k + of] += row[`${kind}_${label}`]));
        }
      }
    });
    return [...lanes.values()].sort((one, other) => other.n - one.n || one.track - other.track);
  }

  /** The indices of the classes that are shown, in the model's order: of many the most probable. */
  #classes(lanes) {
    const totals = this.labels.map((_, index) => lanes.reduce((sum, { sums }) => {
      for (let at = index; at < sums.length; at += this.labels.length) sum += sums[at];
      return sum;
    }, 0));
    const order = totals.map((_, index) => index).sort((one, other) => totals[other] - totals[one]);
    return order.slice(0, CLASSES).sort((one, other) => one - other);
  }

  #legend(classes) {
    const list = make("ul");
    list.className = "legend";
    for (const index of classes) {
      const entry = make("li", this.labels[index]);
      entry.style.setProperty("--bar", this.colours.get(this.labels[index]));
      list.append(entry);
    }
    return list;
  }

  #lane({ track, sums, counts }, classes) {
    const lane = make("div"), drawing = document.createElementNS(SVG, "svg"), k = this.labels.length;
    lane.className = "lane";
    drawing.setAttribute("viewBox", `0 0 ${BINS} ${HEIGHT}`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("shape-rendering", "crispEdges");
    drawing.setAttribute("aria-hidden", "true");
    for (let first = 0; first < BINS; first++) {
      if (!counts[first]) continue;
      let after = first;
      while (after < BINS && counts[after]) after++;
      const below = Array(after - first).fill(0);
      for (const index of [...classes, -1]) {
        const above = below.map((low, at) => {
          const bin = first + at;
          return index < 0 ? 1 : low + sums[bin * k + index] / counts[bin];
        });
        drawing.append(area(first, below, above, index < 0 ? REST : this.colours.get(this.labels[index])));
        above.forEach((high, at) => (below[at] = high));
      }
      first = after;
    }
    lane.append(drawing, make("span", `face ${track}`));
    return lane;
  }

  #axis() {
    const axis = make("div"), step = TICKS.find((tick) => this.#length / tick <= 6) ?? 7200;
    axis.className = "axis";
    axis.ariaHidden = "true";
    for (let time = 0; time <= this.#length; time += step) {
      const tick = make("span", step < 1 ? `${time.toFixed(1)} s` : clock(time).split(".")[0]);
      tick.style.left = `${(100 * time) / this.#length}%`;
      axis.append(tick);
    }
    return axis;
  }
}

/** The area between two lines over bins that follow one another. */
function area(first, below, above, colour) {
  const y = (share) => (HEIGHT * (1 - share)).toFixed(2);
  const steps = (line) => line.flatMap((share, at) => [`${first + at},${y(share)}`, `${first + at + 1},${y(share)}`]);
  const path = document.createElementNS(SVG, "polygon");
  path.setAttribute("points", [...steps(above), ...steps(below).reverse()].join(" "));
  path.setAttribute("fill", colour);
  return path;
}
