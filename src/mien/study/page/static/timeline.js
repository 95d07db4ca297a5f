// A person's expressions in a video: a picture that is zoomed by mouse, touch and keys, and read out at a time.

import { known } from "./data.js";
import { bins, reduce, tickStep, tickText } from "./scale.js";
import { clock, make, percent } from "./words.js";

const STACK = 92, ROW = 12, EVENT = 16, STATE = 9, AXIS = 20, PLACE = 5, LANES = 3, ROOM = 14; // pixels
const GUTTER = 78, WIDE = 560; // the names of rows are left of a picture that is wide enough
const INK = "#14171f"; // on the colours of classes and events
const STATES = ["--none", "--poor", "--unsure", "--usable"];

export class Plot {
  #canvas = make("canvas");
  #cursor = make("div");
  #pointers = new Map();
  #moved = false;
  visible = false;

  /** `view()` is the stretch that is shown; `changed(plot)` redraws what shares it. */
  constructor(figure, series, { view, changed, hidden }) {
    Object.assign(this, { figure, series, view, changed, hidden });
    this.time = series.start;
    this.readout = figure.querySelector(".readout");
    this.place = make("div", "", this.#canvas, this.#cursor);
    this.place.className = "plot";
    this.#cursor.className = "cursor";
    this.#cursor.hidden = true;
    const name = [series.participant, figure.querySelector("figcaption b").textContent].join(", ");
    Object.assign(this.place, { tabIndex: 0, role: "slider", ariaLabel: `Time in ${name}`, ariaValueMin: series.start.toFixed(1) });
    this.place.ariaValueMax = (series.start + series.length).toFixed(1);
    this.lanes = lanes(series.events.map(([label, start, end]) => ({ label, start: start - series.start, end: Math.max(end, start) - series.start })));
    this.episodes = known.classes.map(() => []);
    for (const [of, onset, length, apex] of series.episodes) {
      const start = onset - series.start;
      this.episodes[of].push({ start, end: start + length, apex: start + apex });
    }
    this.rows = this.episodes.flatMap((bars, of) => (bars.length ? [of] : []));
    this.#listen();
    figure.insertBefore(this.place, this.readout);
    this.#say();
  }

  get height() {
    return EVENT * this.lanes.length + STACK + 4 + ROW * this.rows.length + STATE + 2 + AXIS + PLACE;
  }

  #listen() {
    const { place } = this;
    place.addEventListener("pointerdown", (event) => {
      place.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, event.clientX);
      this.#moved = false;
    });
    place.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      place.addEventListener(kind, (event) => {
        this.#pointers.delete(event.pointerId);
        place.classList.remove("moving");
        if (kind === "pointerup" && !this.#moved) this.point(this.#at(event.clientX));
      });
    }
    place.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    place.addEventListener("dblclick", (event) => this.zoom(event.shiftKey ? 4 : 0.25, this.#at(event.clientX)));
    place.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Seconds after the beginning of the series at a pixel of the window. */
  #at(x) {
    const { left, width } = this.place.getBoundingClientRect(), [from, to] = this.view(this).of(this.series.length);
    const gutter = this.#gutter(width);
    return from + Math.max(0, Math.min(1, (x - left - gutter) / (width - gutter))) * (to - from);
  }

  #gutter(width) {
    return width >= WIDE ? GUTTER : 0;
  }

  get #scale() {
    const { width } = this.place.getBoundingClientRect(), [from, to] = this.view(this).of(this.series.length);
    return (width - this.#gutter(width)) / (to - from);
  }

  #move(event) {
    if (!this.#pointers.has(event.pointerId)) {
      if (event.pointerType === "mouse") this.point(this.#at(event.clientX));
      return;
    }
    const before = [...this.#pointers.values()], last = this.#pointers.get(event.pointerId);
    if (!this.#moved && Math.abs(event.clientX - last) < 4) return;
    this.#moved = true;
    this.#pointers.set(event.pointerId, event.clientX);
    const now = [...this.#pointers.values()];
    this.place.classList.add("moving");
    if (now.length === 2) {
      const apart = ([one, other]) => Math.max(20, Math.abs(one - other));
      this.zoom(apart(before) / apart(now), this.#at((now[0] + now[1]) / 2));
    } else if (now.length === 1) {
      this.view(this).pan((last - event.clientX) / this.#scale, this.series.length);
      this.changed(this);
    }
  }

  #wheel(event) {
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))), this.#at(event.clientX));
    } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      event.preventDefault();
      this.view(this).pan(sideways / this.#scale, this.series.length);
      this.changed(this);
    }
  }

  #key(event) {
    const [from, to] = this.view(this).of(this.series.length), now = this.time - this.series.start;
    const small = Math.max(this.series.step, (to - from) / 200), large = (to - from) / 10;
    const steps = { ArrowRight: small, ArrowUp: small, ArrowLeft: -small, ArrowDown: -small, PageUp: large, PageDown: -large };
    const ends = { Home: from, End: to - this.series.step / 2 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) this.point(now + steps[event.key], true);
    else if (event.key in ends) this.point(ends[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(0.5, now);
    else if (event.key === "-") this.zoom(2, now);
    else if (event.key === "0") this.zoom(Infinity, now);
    else return;
    event.preventDefault();
  }

  zoom(factor, at) {
    this.view(this).zoom(factor, at, this.series.length);
    this.changed(this);
  }

  /** Read out a time, in seconds after the beginning; with `follow` the picture goes along. */
  point(at, follow = false) {
    const { series } = this, inside = Math.max(0, Math.min(at, series.length - series.step / 2));
    this.time = series.start + inside;
    const [from, to] = this.view(this).of(series.length);
    if (follow && (inside < from || inside >= to)) {
      this.view(this).show(inside - (to - from) / 2, to - from, series.length);
      this.changed(this);
    }
    this.#cursor.hidden = false;
    this.#say();
    this.#place();
  }

  #say() {
    const found = this.series.moment(this.time);
    if (!found) return;
    const best = found.shares.map((share, of) => [known.classes[of][0], share]).filter(([, share]) => share >= 0.05);
    best.sort((one, other) => other[1] - one[1]);
    const words = [best.slice(0, 3).map(([name, share]) => `${name} ${percent(share)}`).join(", "), found.events.join(", "), known.states[found.state]];
    const text = words.filter(Boolean).join(" · ");
    this.place.ariaValueNow = this.time.toFixed(1);
    this.place.ariaValueText = `${clock(this.time)}: ${text}`;
    if (!this.#cursor.hidden) this.readout.replaceChildren(make("b", clock(this.time)), ` ${text}`);
  }

  #place() {
    const { width } = this.place.getBoundingClientRect(), [from, to] = this.view(this).of(this.series.length);
    const gutter = this.#gutter(width), at = (this.time - this.series.start - from) / (to - from);
    this.#cursor.style.left = `${gutter + at * (width - gutter)}px`;
    this.#cursor.style.opacity = at < 0 || at > 1 ? 0 : 1;
  }

  draw() {
    const width = this.place.clientWidth;
    if (!width) return;
    const ratio = Math.min(3, devicePixelRatio || 1), style = getComputedStyle(this.figure);
    const colour = (name) => style.getPropertyValue(name).trim();
    Object.assign(this.#canvas, { width: Math.round(width * ratio), height: Math.round(this.height * ratio) });
    this.#canvas.style.height = `${this.height}px`;
    const pen = this.#canvas.getContext("2d"), left = this.#gutter(width), right = width - left;
    const [from, to] = this.view(this).of(this.series.length), scale = right / (to - from);
    const x = (seconds) => left + (seconds - from) * scale;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = `11px ${style.fontFamily}`;
    pen.textBaseline = "middle";
    const snap = (at) => Math.round(at * ratio) / ratio; // to whole pixels: areas that touch show no light between them
    const frame = { pen, left, width, from, to, scale, x, colour, snap };
    let y = this.#events(frame);
    pen.fillStyle = colour("--panel");
    pen.fillRect(left, y, right, STACK);
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, right, this.height);
    pen.clip();
    const found = bins(this.series, from, to, right, known.none);
    this.#stack(frame, found, y);
    this.#edges(frame, y);
    y += STACK + 4;
    for (const of of this.rows) {
      if (!this.hidden.has(of)) this.#bars(frame, this.episodes[of], y, ROW - 2, known.classes[of][1]);
      y += ROW;
    }
    this.#states(frame, found, y);
    pen.restore();
    if (left) this.#names(frame, y - ROW * this.rows.length);
    this.#axis(frame, y + STATE + 2);
    if (to - from < this.series.length) this.#where(frame, y + STATE + 2 + AXIS);
    this.#place();
  }

  #events({ pen, left, width, from, to, scale, x, colour }) {
    let y = 0;
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, width - left, this.height);
    pen.clip();
    for (const lane of this.lanes) {
      const { long, columns, width: wide } = reduce(lane, from, to, scale);
      pen.fillStyle = colour("--event");
      for (const [at, high] of columns) pen.fillRect(left + at, y + (EVENT - 3) * (1 - high), wide, (EVENT - 3) * high);
      for (const event of long) pen.fillRect(x(event.start), y, (event.end - event.start) * scale - 1, EVENT - 3);
      pen.fillStyle = colour("--ink");
      long.forEach((event, at) => {
        const start = Math.max(left, x(event.start)), next = at + 1 < long.length ? x(long[at + 1].start) : width;
        if (next - start > 20) pen.fillText(fitting(pen, event.label, Math.min(next, width) - start - 8), start + 4, y + EVENT / 2 - 1);
      });
      y += EVENT;
    }
    pen.restore();
    return y;
  }

  #stack({ pen, x }, { edges, values }, top) {
    const shown = values.map((_, of) => of).filter((of) => !this.hidden.has(of)), count = edges.length - 1;
    const middles = Float64Array.from({ length: count }, (_, at) => x((edges[at] + edges[at + 1]) / 2));
    const sums = new Float32Array(count), areas = [];
    for (const of of shown) {
      const line = values[of].map((value, at) => (sums[at] += value));
      areas.push([known.classes[of][1], line]);
    }
    for (const [colour, line] of areas.reverse()) {
      pen.fillStyle = colour;
      for (let first = 0; first < count; first++) {
        if (Number.isNaN(line[first])) continue;
        let after = first;
        pen.beginPath();
        pen.moveTo(x(edges[first]), top + STACK);
        pen.lineTo(x(edges[first]), top + STACK * (1 - Math.min(1, line[first])));
        for (; after < count && !Number.isNaN(line[after]); after++) pen.lineTo(middles[after], top + STACK * (1 - Math.min(1, line[after])));
        pen.lineTo(x(edges[after]), top + STACK * (1 - Math.min(1, line[after - 1])));
        pen.lineTo(x(edges[after]), top + STACK);
        pen.fill();
        first = after;
      }
    }
  }

  /** Where events begin and end, on the probabilities. */
  #edges({ pen, from, to, scale, x, colour, snap }, top) {
    pen.fillStyle = colour("--ink");
    pen.globalAlpha = 0.45;
    for (const event of this.lanes.flat()) {
      if ((event.end - event.start) * scale < ROOM || event.end < from || event.start > to) continue;
      for (const at of [event.start, event.end]) pen.fillRect(snap(x(at)), top - 3, 1, STACK + 3);
    }
    pen.globalAlpha = 1;
  }

  #bars({ pen, left, from, to, scale, x }, bars, top, high, colour) {
    const { long, columns, width } = reduce(bars, from, to, scale);
    pen.fillStyle = colour;
    for (const [at, share] of columns) pen.fillRect(left + at, top + high * (1 - share), width, high * share);
    for (const bar of long) pen.fillRect(x(bar.start), top, (bar.end - bar.start) * scale, high);
    pen.fillStyle = INK;
    for (const bar of long) {
      if ((bar.end - bar.start) * scale < ROOM) continue;
      pen.beginPath();
      for (const [dx, dy] of [[-4, 0], [4, 0], [0, 6]]) pen.lineTo(x(bar.apex) + dx, top + dy);
      pen.fill();
    }
  }

  #states({ pen, x, colour, snap }, { edges, states }, top) {
    states.forEach((shares, state) => {
      pen.fillStyle = colour(STATES[state]);
      shares.forEach((share, at) => {
        if (!share) return;
        let below = 0;
        for (let other = 0; other < state; other++) below += states[other][at];
        const start = snap(x(edges[at]));
        pen.fillRect(start, top + STATE * below, snap(x(edges[at + 1])) - start, STATE * share);
      });
    });
  }

  #names({ pen, left, colour }, top) {
    pen.textAlign = "right";
    pen.fillStyle = colour("--soft");
    this.rows.forEach((of, at) => pen.fillText(fitting(pen, known.classes[of][0], left - 10), left - 6, top + at * ROW + ROW / 2));
    pen.textAlign = "left";
  }

  /** Where in the whole the picture is. */
  #where({ pen, left, width, from, to, colour }, top) {
    const whole = width - left, { length } = this.series, wide = Math.max(4, ((to - from) / length) * whole);
    pen.fillStyle = colour("--line");
    pen.fillRect(left, top + 2, whole, PLACE - 2);
    pen.fillStyle = colour("--accent");
    pen.fillRect(Math.min(left + (from / length) * whole, width - wide), top + 2, wide, PLACE - 2);
  }

  #axis({ pen, left, width, from, to, x, colour }, top) {
    const { start } = this.series, step = tickStep(to - from, width - left);
    pen.fillStyle = colour("--soft");
    for (let tick = Math.ceil((start + from) / step - 1e-6); tick * step <= start + to + 1e-6; tick++) {
      const text = tickText(tick * step, step), wide = pen.measureText(text).width, at = x(tick * step - start);
      pen.fillRect(at, top, 1, 4);
      pen.fillText(text, Math.max(left, Math.min(at - wide / 2, width - wide)), top + 12);
    }
  }
}

/** Rows of events that do not overlap; what does not fit comes into the last one. */
function lanes(events) {
  const found = [];
  for (const event of events.sort((one, other) => one.start - other.start)) {
    let lane = found.find((one) => one.at(-1).end <= event.start);
    if (!lane && found.length === LANES) lane = found.at(-1);
    if (!lane) found.push((lane = []));
    lane.push(event);
  }
  return found;
}

/** As much of a text as has room. */
function fitting(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let cut = text;
  while (cut && pen.measureText(`${cut}…`).width > room) cut = cut.slice(0, -1);
  return cut.length > 1 ? `${cut}…` : "";
}
