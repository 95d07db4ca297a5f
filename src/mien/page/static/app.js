// Puts the page together: what it can do here, what the user gives it, and where everything is shown.

import { Camera } from "./camera.js";
import { BrowserComputer, ServerComputer } from "./compute.js";
import { Sorter } from "./files.js";
import { Gallery } from "./gallery.js";
import { follow } from "./live.js";
import { decode, jpeg, portraits } from "./pictures.js";
import { Player } from "./player.js";
import { FileProblem, Halt } from "./problems.js";
import { Report } from "./report.js";
import { Results } from "./results.js";
import { Runner } from "./run.js";
import { Stage, describe, speak } from "./stage.js";
import { Table } from "./table.js";
import { tabs } from "./tabs.js";
import { photoRows } from "./table_text.js";
import { Timeline } from "./timeline.js";
import { Follower } from "./tracks.js";
import { make, percent, quantity, reason } from "./words.js";

const REFRESH = 500, FOLLOW = 300, SAY = 10_000; // milliseconds between: views of the results, photos shown, progress said
const part = (id) => document.getElementById(id);
const on = (id, event, handler) => part(id).addEventListener(event, handler);

function say(error) {
  part("alert").textContent = error ? reason(error) : "";
  part("alert").hidden = !error;
}

/** The seconds from one frame of a video to the next; the field then shows what is used. */
function seconds() {
  const field = part("every");
  field.value = Math.min(60, Math.max(0.04, Number(field.value) || 0.2));
  return Number(field.value);
}

/** Take files that are dropped: else the browser would leave the page for them. */
function onDrop(take) {
  const files = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    take(event.dataTransfer);
  });
}

/** Run what may fail; one sentence says why. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error?.name !== "AbortError") say(error);
    return undefined;
  }
}

class App {
  constructor(facts) {
    this.facts = facts;
    const { labels, colours } = facts.model;
    this.colours = new Map(labels.map((label, index) => [label, colours[index]]));
    this.results = new Results(labels);
    this.stage = new Stage(this.colours);
    this.timeline = new Timeline(part("timeline"), { seek: (time) => this.seek(time), colours: this.colours, labels });
    this.player = new Player(this.stage, this.timeline, this.results);
    this.camera = new Camera(this.stage.video);
    this.sorter = new Sorter(facts.suffixes);
    const open = (item, row) => attempt(() => this.show(item, row));
    this.table = new Table(this.results, open);
    this.gallery = new Gallery(this.results, { open, colours: this.colours });
    this.computers = {
      browser: new BrowserComputer(facts),
      server: new ServerComputer(facts, () => part("token").value.trim()),
    };
    this.where = facts.browser && !(facts.server && location.hash === "#server") ? "browser" : "server";
    this.runner = new Runner({
      results: this.results,
      computer: () => this.computers[this.where],
      pixels: facts.limits.pixels,
      every: seconds,
      tell: this.#tell(),
    });
    this.shown = null; // the item on the stage
    this.following = true; // whether the stage shows what is read, until the user chooses
    this.report = new Report(this.results);
  }

  start() {
    const { facts } = this, { model } = facts;
    part("version").textContent = `mien ${facts.version}, model ${model.name}.`;
    const none = "this model has none";
    const shown = [
      ["Model", `${model.name}, SHA-256 ${model.sha256}`],
      ["Expressions", model.labels.join(", ")],
      ["Uncertain", model.threshold === null ? none : `answers with a confidence below ${percent(model.threshold)}`],
      ["Prediction sets", model.coverage === null ? none : `fitted to contain the label in ${percent(model.coverage)} of cases`],
    ];
    part("model-facts").replaceChildren(...shown.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
    on("show-limits", "click", () => part("limits").showModal());
    if (facts.live) return this.#live();
    if (!facts.server && !facts.browser) throw new Halt("Neither a server nor a model for this browser is here.");
    part("input").hidden = false;
    part("api").hidden = !facts.server;
    part("where").hidden = !(facts.server && facts.browser);
    part("server-name").textContent = location.host;
    for (const radio of document.getElementsByName("where")) {
      radio.checked = radio.value === this.where;
      radio.addEventListener("change", () => this.compute(radio.value));
    }
    this.#inputs();
    this.#actions();
    tabs((name) => this.refresh(name));
    return this.compute(this.where);
  }

  /** Choose where faces are found: "browser" or "server". */
  compute(where) {
    this.where = where;
    if (this.facts.server && this.facts.browser) history.replaceState(null, "", `#${where}`); // for the next time
    say(null);
    part("token-field").hidden = !(where === "server" && this.facts.token_needed);
    const places = {
      browser: "Computed in this browser: your pictures do not leave this computer.",
      server: `Computed on the server ${location.host}: your pictures are sent to it, and it does not keep them.`,
    };
    const load = (share) => {
      part("place").textContent = share < 1 ? `${places[where]} Loading the model: ${percent(share)}` : places[where];
    };
    part("place").textContent = places[where];
    return attempt(async () => {
      if (where === "browser") load(0);
      await this.computers[where].load((share) => this.where === where && load(Math.min(share, 0.99)));
      if (this.where === where) load(1);
    });
  }

  // ---- what the user gives ----

  #inputs() {
    on("choose-files", "click", () => part("files").click());
    on("choose-folder", "click", () => part("folder").click());
    const { photos, videos } = this.facts.suffixes;
    part("files").accept = ["image/*", "video/*", ...photos, ...videos].join();
    on("files", "change", () => this.#take(() => this.sorter.chosen(part("files").files), "files"));
    on("folder", "change", () => this.#take(() => this.sorter.fromFolderInput(part("folder").files), "folder"));
    onDrop((data) => {
      const found = this.sorter.dropped(data);
      this.#take(() => found);
    });
    document.addEventListener("paste", (event) => {
      if (event.clipboardData?.files.length) this.#take(() => this.sorter.chosen(event.clipboardData.files));
    });
    on("token", "input", () => say(null));
    on("every", "change", seconds);
  }

  #take(find, input) {
    return attempt(async () => {
      say(null);
      const found = await find();
      if (input) part(input).value = ""; // so that the same files can be chosen again
      this.report.passed(found.passed);
      for (const name of found.unreadable) this.report.problem(name, "cannot be read");
      if (!found.entries.length) {
        throw new Halt(found.passed ? "None of these files is a photo or a video by its name." : "There is nothing to read.");
      }
      await this.#work(found.entries);
    });
  }

  async #work(entries) {
    if (this.runner.busy) return this.runner.add(entries);
    this.stopCamera();
    this.following = true;
    this.busy(true);
    try {
      await this.runner.add(entries);
      await this.#showLast();
      this.report.summary();
    } catch (error) {
      this.report.summary(quantity(this.runner.left, "file was not read", "files were not read"));
      throw error;
    } finally {
      this.busy(false);
      this.refresh();
    }
    return true;
  }

  /** Show what was read last: the picture before it may have been on the stage for too short a time to change it. */
  async #showLast() {
    const last = this.results.items.at(-1);
    if (this.following && last && this.shown !== last) await this.show(last, null, false);
  }

  busy(is) {
    const focused = document.activeElement === part("stop");
    part("progress").hidden = !is;
    for (const id of ["where", "camera-start", "clear"]) part(id).disabled = is;
    if (focused && !is) part("results-title").focus();
  }

  #actions() {
    on("stop", "click", () => this.runner.stop());
    on("clear", "click", () => this.clear());
    on("camera-start", "click", () => attempt(() => this.runCamera()));
    on("camera-stop", "click", () => this.stopCamera());
    on("cameras", "change", () => attempt(() => this.runCamera(part("cameras").value)));
    on("keep", "click", () => (this.keep = true));
    on("previous", "click", () => attempt(() => this.step(-1)));
    on("next", "click", () => attempt(() => this.step(1)));
  }

  // ---- what happens while files are read ----

  #tell() {
    let shown = 0, drawn = 0, said = performance.now();
    return {
      photo: (item, bitmap, faces) => {
        if (item.error) this.report.problem(item.name, item.error);
        if (this.following && bitmap && performance.now() - shown > FOLLOW) {
          shown = performance.now();
          this.#show(item, bitmap, faces);
        }
        this.later();
      },
      begin: (item) => {
        if (!this.following) return;
        if (this.where === "server") this.#play(item);
        else this.player.close(), this.stage.open("picture", item.name);
        this.shown = item;
      },
      frame: (item, bitmap, faces) => {
        if (this.shown !== item || this.player.item) return;
        this.stage.picture(bitmap);
        this.stage.stream(faces, [bitmap.width, bitmap.height]);
      },
      rows: (item) => {
        this.later();
        if (this.shown !== item || performance.now() - drawn < REFRESH) return;
        drawn = performance.now();
        if (this.player.item) this.player.refresh();
        else this.timeline.show(item), this.timeline.mark(item.frames.at(-1).time);
      },
      end: (item) => {
        if (item.error) this.report.problem(item.name, item.error);
        if (this.following && item.rows.length) this.table.choose(item);
        if (this.shown === item) this.stage.note(item.error);
        if (this.shown === item && !this.results.items.includes(item)) this.player.close(), this.stage.close();
        else if (this.player.item === item) this.player.refresh();
        else if (this.shown === item) this.#play(item);
        this.later();
      },
      progress: (text, share) => {
        part("progress-text").textContent = text;
        if (share === null) part("bar").removeAttribute("value");
        else part("bar").value = share;
        if (performance.now() - said > SAY) (said = performance.now()), speak(text);
      },
    };
  }

  // ---- what is shown ----

  /** Show the views of the results soon, and not too often. */
  later() {
    this.timer ??= setTimeout(() => this.refresh(), REFRESH);
  }

  refresh(name = document.querySelector("[role=tab][aria-selected=true]").getAttribute("aria-controls")) {
    clearTimeout(this.timer);
    this.timer = null;
    part("results").hidden = !this.results.tables.length;
    if (name === "gallery") this.gallery.show();
    else this.table.show();
    this.#steps();
  }

  #steps() {
    const items = this.results.items.filter((item) => item.done), at = items.indexOf(this.shown);
    for (const [id, step] of [["previous", -1], ["next", 1]]) {
      part(id).hidden = items.length < 2 || this.camera.open;
      part(id).disabled = at < 0 || !items[at + step];
    }
  }

  step(by) {
    const items = this.results.items.filter((item) => item.done);
    return this.show(items[items.indexOf(this.shown) + by], null, false);
  }

  /** Show an item that has been read: a photo, or a video at the time of a row. */
  async show(item, row, jump = true) {
    this.following = false;
    this.stopCamera();
    if (item.kind === "video") {
      if (this.player.item !== item) this.#play(item);
      if (row) this.player.seek(row.time);
    } else {
      this.shown = item;
      let bitmap = null;
      try {
        bitmap = await decode(item.file, this.facts.limits.pixels);
      } catch (error) {
        if (!(error instanceof FileProblem)) throw error;
      }
      if (this.shown === item) this.#show(item, bitmap, this.results.faces(item));
      bitmap?.close();
    }
    if (jump) part("stage-title").focus();
  }

  #show(item, bitmap, faces) {
    this.player.close();
    this.shown = item;
    this.stage.open(bitmap ? "picture" : "", item.name, item.error || (faces.length ? "" : "No face found."));
    if (bitmap) this.stage.picture(bitmap), this.stage.faces(faces, [bitmap.width, bitmap.height]);
    else if (!item.error) this.stage.note("This browser cannot show this kind of picture.");
    this.stage.list(faces);
    this.#steps();
  }

  #play(item) {
    this.shown = item;
    this.player.open(item);
    this.#steps();
  }

  seek(time) {
    if (!this.player.item) this.#play(this.shown);
    this.player.seek(time);
  }

  clear() {
    this.player.close();
    this.stopCamera();
    this.results.clear();
    this.gallery.clear();
    this.stage.close();
    this.shown = null;
    this.report.clear();
    this.refresh();
    speak("Cleared.");
    part("choose-files").focus();
  }

  // ---- the camera ----

  async runCamera(id) {
    this.stopCamera();
    say(null);
    this.player.close();
    this.shown = null;
    const stop = (this.cameraStop = new AbortController()), follower = new Follower(this.facts.video);
    try {
      await this.computers[this.where].load();
      this.stage.open("video", "Camera", "Waiting for the camera");
      await this.camera.start(id, stop.signal);
      await this.#cameraButtons(true);
      for await (const bitmap of this.camera.pictures()) {
        const faces = await this.computers[this.where].picture(bitmap, stop.signal);
        if (stop.signal.aborted) break;
        this.stage.stream(follower.next(performance.now() / 1000, faces), [bitmap.width, bitmap.height]);
        this.stage.note(faces.length ? `${this.camera.rate.toFixed(1)} pictures a second` : "No face in the picture.");
        if (this.keep) await this.#keep(bitmap, faces);
      }
    } finally {
      if (this.cameraStop === stop) this.stopCamera();
    }
  }

  async #cameraButtons(open) {
    for (const name of ["keep", "camera-stop"]) part(name).hidden = !open;
    part("camera-field").hidden = true;
    this.#steps();
    if (!open) return;
    const cameras = await this.camera.list();
    part("cameras").replaceChildren(...cameras.map(([id, name]) => Object.assign(make("option", name), { value: id })));
    part("cameras").value = this.camera.id;
    part("camera-field").hidden = cameras.length < 2;
  }

  stopCamera() {
    if (!this.cameraStop) return;
    this.cameraStop.abort();
    this.cameraStop = null;
    this.camera.stop();
    this.#cameraButtons(false);
    this.stage.close();
  }

  /** Keep a picture of the camera as a photo of the results. */
  async #keep(bitmap, faces) {
    this.keep = false;
    const name = `camera ${new Date().toLocaleString("sv").replaceAll(":", ".")}.jpg`;
    const file = new File([await jpeg(bitmap, Infinity)], name, { type: "image/jpeg" });
    const item = this.results.add({ file, name, kind: "photo" });
    item.rows = photoRows({ name, faces, detector: this.facts.model.detector });
    item.portraits = await portraits(bitmap, faces);
    item.done = true;
    speak(`Kept. ${describe(faces)}`);
    this.refresh();
  }

  // ---- mien live ----

  #live() {
    let paused = matchMedia("(prefers-reduced-motion: reduce)").matches, shown = false;
    part("place").textContent = `Computed by mien live at ${location.host}, whose camera this is.`;
    this.stage.open("image", "Camera", "Waiting for the first picture");
    const pause = () => (part("pause").textContent = paused ? "Play" : "Pause");
    part("pause").hidden = false;
    on("pause", "click", () => ((paused = !paused), pause()));
    onDrop(() => say("mien live shows its camera. For files use mien serve, mien page or mien predict."));
    pause();
    follow(part("image"), {
      paused: () => paused && shown,
      show: ({ faces, latency, rate }, size) => {
        shown = true;
        this.stage.stream(faces, size);
        const figures = `${rate.toFixed(1)} pictures a second, ${Math.round(1000 * latency)} ms from the camera to the answer`;
        this.stage.note(faces.length ? figures : `${figures}; no face in the picture`);
      },
      silent: (seconds) => this.stage.note(`No new picture for ${seconds} s.`),
    });
  }
}

addEventListener("error", (event) => say(`Something failed in the page: ${reason(event.error ?? event.message)}`));
addEventListener("unhandledrejection", (event) => say(`Something failed in the page: ${reason(event.reason)}`));
await attempt(async () => {
  let facts;
  try {
    facts = await (await fetch("page.json", { cache: "no-store" })).json();
  } catch {
    throw new Halt("The page cannot be started: its page.json cannot be read.");
  }
  await new App(facts).start();
});
