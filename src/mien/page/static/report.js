// What was read and what was not, in one sentence each.

import { hasFace } from "./results.js";
import { speak } from "./stage.js";
import { make, quantity } from "./words.js";

const NAMED = 200; // files with problems that are named
const part = (id) => document.getElementById(id);

export class Report {
  #unreadable = [];
  #passed = 0;

  constructor(results) {
    this.results = results;
  }

  /** Name a file that could not be read, or not to its end. */
  problem(name, why) {
    this.#unreadable.push([name, why]);
    this.#show();
  }

  /** Count files of folders that are no photos or videos by their names. */
  passed(number) {
    this.#passed += number;
    this.#show();
  }

  clear() {
    this.#unreadable = [];
    this.#passed = 0;
    part("summary").textContent = "";
    this.#show();
  }

  /** Say what was read; `left` says what was not, where it was stopped. */
  summary(left = "") {
    const { photos, videos } = this.results, faces = photos.flatMap((item) => item.rows.filter(hasFace));
    const none = photos.filter((item) => !item.error && !item.rows.some(hasFace)).length, bad = this.#unreadable.length;
    const texts = [
      photos.length && `${quantity(photos.length, "photo")}, ${quantity(faces.length, "face")}`,
      none && `${quantity(none, "photo")} without a face`,
      videos.length && quantity(videos.length, "video"),
      bad && `${quantity(bad, "file")} could not be read`,
      left,
    ];
    part("summary").textContent = `${texts.filter(Boolean).join("; ")}.`;
    speak(`${left ? "Stopped. " : "Done. "}${part("summary").textContent}`);
  }

  #show() {
    const bad = this.#unreadable, passed = this.#passed, list = part("problems").querySelector("ul");
    const kind = passed === 1 ? "is no photo or video" : "are no photos or videos";
    const texts = [
      bad.length && `${quantity(bad.length, "file")} could not be read, or not to the end`,
      passed && `${quantity(passed, "file")} in folders ${kind} by name`,
    ].filter(Boolean);
    part("problems").hidden = !texts.length;
    part("problems").querySelector("summary").textContent = texts.join("; ");
    list.replaceChildren(...bad.slice(0, NAMED).map(([name, why]) => make("li", "", make("bdi", name), `: ${why}`)));
    if (bad.length > NAMED) list.append(make("li", `and ${quantity(bad.length - NAMED, "more", "more")}; the table has all`));
  }
}
