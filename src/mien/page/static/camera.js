// The camera of this computer: its newest picture is next, those that come in the meantime are skipped.

import { RAW } from "./pictures.js";
import { Halt } from "./problems.js";

const WHY = {
  NotAllowedError: "The camera was not permitted; the browser's settings of this page can permit it.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is used by another program.",
  OverconstrainedError: "This camera is not there any more.",
};
const RATES = 20; // pictures that the rate is the mean of

export class Camera {
  #stream = null;
  #times = [];

  constructor(video) {
    this.video = video;
  }

  get open() {
    return this.#stream !== null;
  }

  /** Open a camera, by its id or any, unless `signal` ends it meanwhile. Halt where that cannot be done. */
  async start(id, signal) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Halt("The browser gives its camera to pages at https:// or localhost alone.");
    }
    const ideal = { width: { ideal: 1280 }, height: { ideal: 720 } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { ...ideal, ...(id ? { deviceId: { exact: id } } : { facingMode: "user" }) },
      });
    } catch (error) {
      throw new Halt(WHY[error.name] ?? `The camera cannot be opened: ${error.message}`);
    }
    if (signal.aborted) {
      for (const track of stream.getTracks()) track.stop();
      signal.throwIfAborted();
    }
    this.#stream = stream;
    this.video.controls = false;
    this.video.srcObject = stream;
    await this.video.play();
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#times = [];
    this.video.srcObject = null;
  }

  /** Yield picture after picture, each closed when the next is asked for, until `stop`. Halt where the camera is lost. */
  async *pictures() {
    const stream = this.#stream, [track] = stream.getVideoTracks();
    while (this.#stream === stream) {
      await new Promise((done) => {
        this.video.requestVideoFrameCallback(done);
        track.onended = done;
        setTimeout(done, 1000); // a hidden page gets no pictures
      });
      if (this.#stream !== stream) return;
      if (track.readyState === "ended") throw new Halt("The camera was disconnected.");
      if (document.hidden || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
      const bitmap = await createImageBitmap(this.video, RAW);
      try {
        yield bitmap;
      } finally {
        bitmap.close();
      }
      this.#times = [...this.#times.slice(1 - RATES), performance.now()];
    }
  }

  /** Pictures per second. */
  get rate() {
    const times = this.#times;
    return times.length < 2 ? 0 : (1000 * (times.length - 1)) / (times.at(-1) - times[0]);
  }

  /** The cameras that there are: [id, name]. */
  async list() {
    const all = await navigator.mediaDevices.enumerateDevices();
    const cameras = all.filter((one) => one.kind === "videoinput");
    return cameras.map((one, index) => [one.deviceId, one.label || `camera ${index + 1}`]);
  }

  /** The id of the one that is open. */
  get id() {
    return this.#stream?.getVideoTracks()[0].getSettings().deviceId;
  }
}
