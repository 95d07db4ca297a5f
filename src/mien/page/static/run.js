// Works through photos and videos, a few photos at a time, until all are done, it is stopped, or nothing can be computed.

import { FileProblem } from "./problems.js";
import { decode, portraits } from "./pictures.js";
import { addFrame, hasFace } from "./results.js";
import { photoRows } from "./table_text.js";
import { clock, duration, quantity } from "./words.js";

const AT_ONCE = 3; // photos whose pixels are held
const SURE = 2; // seconds after which the time that is left is guessed
const MOST_ROWS = 250_000; // of a video: what a tab can hold

export class Runner {
  #queue = [];
  #stop = null;
  #run = { done: 0, total: 0, began: 0, share: 0, video: null };

  /**
   * @param results where items are added
   * @param computer is called for the BrowserComputer or ServerComputer
   * @param pixels of a photo that are decoded at most
   * @param every is called for the seconds between a video's frames
   * @param tell `photo(item, bitmap, faces)`, `frame(item, bitmap, faces)`, `rows(item)`, `begin(item)`, `end(item)`,
   *   `progress(text, share)`: what happens
   */
  constructor({ results, computer, pixels, every, tell }) {
    Object.assign(this, { results, computer, pixels, every, tell });
  }

  get busy() {
    return this.#stop !== null;
  }

  /** Take entries of `files.js` in, and work until all are done. Throws Halt; "AbortError" where it was stopped. */
  async add(entries) {
    this.#queue.push(...entries);
    this.#run.total += entries.length;
    if (this.busy) return false;
    this.#stop = new AbortController();
    this.#run = { done: 0, total: this.#queue.length, began: performance.now(), share: 0, video: null };
    const ticking = setInterval(() => this.#progress(), 250);
    this.#progress();
    try {
      await this.#work(this.#stop.signal);
      return true;
    } finally {
      clearInterval(ticking);
      this.#queue = [];
      this.#stop = null;
    }
  }

  /** How many files are not read yet. */
  get left() {
    return this.#run.total - this.#run.done;
  }

  stop() {
    this.#stop?.abort();
  }

  async #work(signal) {
    const running = new Set();
    let failure = null;
    const settle = async (least) => {
      while (running.size > least) await Promise.race(running);
      if (failure) throw failure;
    };
    try {
      while (this.#queue.length) {
        signal.throwIfAborted();
        const entry = this.#queue.shift(), video = entry.kind === "video";
        await settle(video ? 0 : AT_ONCE - 1);
        const job = (video ? this.#video(entry, signal) : this.#photo(entry, signal))
          .then(() => this.#run.done++, (error) => (failure ??= error, this.stop()))
          .finally(() => running.delete(job));
        running.add(job);
        if (video) await settle(0);
      }
      await settle(0);
    } finally {
      await Promise.all(running);
    }
    if (failure) throw failure;
  }

  async #photo(entry, signal) {
    const computer = this.computer(), item = this.results.add(entry);
    let bitmap = null;
    try {
      try {
        bitmap = await decode(entry.file, this.pixels);
      } catch (error) {
        if (computer.name === "browser") throw error; // the server reads more kinds of files, and larger ones
      }
      signal.throwIfAborted();
      const { faces, detector } = await computer.photo(entry.file, bitmap, signal);
      item.rows = photoRows({ name: item.name, faces, detector });
      if (bitmap) item.portraits = await portraits(bitmap, faces);
      item.done = true;
      this.tell.photo(item, bitmap, faces);
    } catch (error) {
      if (!(error instanceof FileProblem)) {
        this.results.remove(item);
        throw error;
      }
      item.error = error.message;
      item.rows = photoRows({ name: item.name, error: `${item.name}: ${error.message}` });
      item.done = true;
      this.tell.photo(item, null, []);
    } finally {
      bitmap?.close();
    }
  }

  async #video(entry, signal) {
    const computer = this.computer(), item = this.results.add(entry);
    this.#run.video = item;
    this.tell.begin(item);
    try {
      const frames = computer.video(entry.file, {
        every: this.every(),
        signal,
        onFrame: (bitmap, faces) => this.tell.frame(item, bitmap, faces),
        onLength: (seconds) => (item.length = seconds),
      });
      for await (const rows of frames) {
        addFrame(item, rows);
        this.tell.rows(item);
        if (item.rows.length >= MOST_ROWS) {
          const read = `${clock(rows[0].time)}, ${quantity(item.rows.length, "row")}`;
          throw new FileProblem(`read only until ${read}, the most that a page holds; take fewer frames`);
        }
      }
    } catch (error) {
      if (!(error instanceof FileProblem)) {
        if (!item.rows.some(hasFace)) this.results.remove(item);
        else item.error = "stopped before its end";
        throw error;
      }
      item.error = error.message;
    } finally {
      computer.finish(item.rows);
      item.done = true;
      this.#run.video = null;
      this.tell.end(item);
    }
  }

  #progress() {
    const { done, total, began, video } = this.#run, seconds = (performance.now() - began) / 1000;
    const last = video?.frames.at(-1)?.time, within = video && last && video.length ? Math.min(1, last / video.length) : 0;
    const share = (done + within) / total;
    const place = last === undefined ? "" : `: ${clock(last)}${video.length ? ` of ${clock(video.length)}` : ""}`;
    const left = share > 0 && seconds > SURE ? `, about ${duration((seconds * (1 - share)) / share)} left` : "";
    const where = video ? `${video.name}${place}` : `${done.toLocaleString("en")} of ${quantity(total, "file")}`;
    const more = video && total > 1 ? `, file ${done + 1} of ${total.toLocaleString("en")}` : "";
    this.tell.progress(`${where}${more}${left}`, video && !within && total === 1 ? null : share);
  }
}
