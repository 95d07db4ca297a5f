// What the page is made of: facts in JSON, and the curves, which mien.study.page.series has packed.

export const known = JSON.parse(document.getElementById("known").textContent);

/** A person in a video: values at equal steps from `start`, in seconds of the video. */
export class Series {
  #planes;

  constructor(facts, bytes, classes) {
    Object.assign(this, facts);
    this.length = this.n * this.step;
    const size = this.n;
    this.#planes = Array.from({ length: classes + 1 }, (_, at) => bytes.subarray(this.at + at * size, this.at + (at + 1) * size));
    this.ready = false;
  }

  /** The planes, one for each class in percent and the state of the face; they are kept as differences until now. */
  get planes() {
    if (!this.ready) {
      for (const plane of this.#planes) for (let at = 1; at < plane.length; at++) plane[at] += plane[at - 1]; // modulo 256
      this.ready = true;
    }
    return this.#planes;
  }

  /** What there is at a time: { shares, state, events }, or null outside the series. */
  moment(time) {
    const at = Math.floor((time - this.start) / this.step + 1e-6);
    if (at < 0 || at >= this.n) return null;
    const values = this.planes.map((plane) => plane[at]);
    const state = values.pop();
    const events = this.events.filter(([, start, end]) => start <= time && time < end).map(([label]) => label);
    return { shares: values.map((value) => (value === known.none ? null : value / 100)), state, events: [...new Set(events)] };
  }
}

/** All series of the study. */
export async function unpack() {
  const text = atob(document.getElementById("packed").textContent), packed = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) packed[at] = text.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const planes = bytes.subarray(4 + length);
  return facts.map((one) => new Series(one, planes, known.classes.length));
}
