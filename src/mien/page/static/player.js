// A video that has been read, or is being read, with boxes over the frame that it shows and its timeline.

import { WITHIN } from "./pictures.js";

export class Player {
  #item = null;
  #url = "";
  #timer = 0;

  constructor(stage, timeline, results) {
    Object.assign(this, { stage, timeline, results });
    this.video = stage.video;
    for (const event of ["seeked", "loadeddata", "pause"]) this.video.addEventListener(event, () => this.#mark(true));
    this.video.addEventListener("error", () => {
      if (this.#item && this.#url) this.stage.note("This browser cannot play the video; its table and timeline are complete.");
    });
  }

  get item() {
    return this.#item;
  }

  open(item) {
    this.close();
    this.#item = item;
    this.stage.open("video", item.name, item.error);
    this.#url = URL.createObjectURL(item.file);
    this.video.srcObject = null;
    this.video.controls = true;
    this.video.src = this.#url;
    this.refresh();
    this.#timer = setInterval(() => this.#mark(false), 50);
  }

  /** Give the video back. */
  close() {
    if (!this.#item) return;
    clearInterval(this.#timer);
    this.timeline.hide();
    URL.revokeObjectURL(this.#url);
    this.#item = null;
    this.#url = "";
    this.video.removeAttribute("src");
    this.video.load();
    this.video.controls = false;
  }

  /** Draw the timeline anew: there are more rows. */
  refresh() {
    this.timeline.show(this.#item);
    this.#mark(true);
  }

  seek(time) {
    this.video.currentTime = time + WITHIN;
    this.#mark(true, time);
  }

  #mark(always, time = this.video.currentTime) {
    if (!this.#item || (!always && this.video.paused)) return;
    const { videoWidth, videoHeight } = this.video, faces = this.results.faces(this.#item, time);
    this.timeline.mark(time);
    if (!videoWidth) return this.stage.list(faces);
    if (this.video.paused) this.stage.faces(faces, [videoWidth, videoHeight]), this.stage.list(faces);
    else this.stage.stream(faces, [videoWidth, videoHeight]);
  }
}
