// The two places where faces are found: this browser, or the server. Both answer alike.
//
//   photo(file, bitmap, signal)   { faces, detector }: of a file; bitmap is its picture, null where the browser has none
//   picture(bitmap)               faces: of a picture of a camera
//   video(file, options)          rows of its frames, as they are ready; see below

import { FileProblem, Halt } from "./problems.js";
import { RAW, jpeg, openVideo, seek } from "./pictures.js";
import { frameRows } from "./table_text.js";
import { Tracker, smooth } from "./tracks.js";
import { reason } from "./words.js";

const CAMERA = 1280; // pixels of a camera's picture that is sent to the server, the longer side
const FRAME = { minFace: null }; // frames are searched as a whole, as in Python
const TRIES = 6, WAIT = 10; // of a request that the server has no room for; seconds that it may ask to wait

/** In this browser. Nothing is sent anywhere. */
export class BrowserComputer {
  name = "browser";
  #engine = null;

  constructor(facts) {
    this.facts = facts;
  }

  /** Load the model, once. Halt where that cannot be done. */
  load(onProgress) {
    this.#engine ??= import("./engine.js").then(({ Engine }) => Engine.load(".", { onProgress })).catch((error) => {
      this.#engine = null;
      throw new Halt(`The model cannot be loaded in this browser: ${reason(error)}`);
    });
    return this.#engine;
  }

  async #recognise(source, options) {
    const engine = await this.load();
    try {
      return await engine.recognise(source, options);
    } catch (error) {
      throw new FileProblem(reason(error));
    }
  }

  async photo(file, bitmap) {
    const { faces } = await this.#recognise(bitmap);
    return { faces, detector: this.facts.model.detector };
  }

  async picture(bitmap) {
    return (await this.#recognise(bitmap, FRAME)).faces;
  }

  /**
   * Read a video by seeking, a frame every `every` seconds. Yields rows per frame; `onFrame` gets each frame with its faces.
   * The rows have their s_... columns once the last one is there, in `finish`.
   */
  async *video(file, { every, signal, onFrame, onLength }) {
    const url = URL.createObjectURL(file), tracker = new Tracker(this.facts.video), { detector } = this.facts.model;
    let video;
    try {
      video = await openVideo(url);
      onLength(video.duration);
      for (let frame = 0; frame * every < video.duration; frame++) {
        const time = Math.round(1000 * frame * every) / 1000;
        await seek(video, time);
        signal.throwIfAborted();
        const bitmap = await createImageBitmap(video, RAW);
        try {
          const { faces } = await this.#recognise(bitmap, FRAME);
          const tracks = tracker.next(time, faces.map((face) => face.box));
          onFrame(bitmap, faces.map((face, index) => ({ ...face, track: tracks[index] })));
          yield frameRows({ frame: null, time, faces, tracks, detector });
        } finally {
          bitmap.close();
        }
      }
    } finally {
      if (video) video.removeAttribute("src"), video.load();
      URL.revokeObjectURL(url);
    }
  }

  finish(rows) {
    smooth(rows, this.facts.model.labels, this.facts.video);
  }
}

/** On the server that the page came from. */
export class ServerComputer {
  name = "server";

  /** `token` is called for the token of each request. */
  constructor(facts, token) {
    this.facts = facts;
    this.token = token;
  }

  async load() {}

  async photo(file, bitmap, signal) {
    this.#check(file, this.facts.limits.photo_bytes);
    let data;
    try {
      data = new Blob([await file.arrayBuffer()], { type: file.type }); // or a failed upload could mean anything
    } catch {
      throw new FileProblem("cannot be read");
    }
    const form = new FormData();
    form.append("file", data, "photo"); // its name stays here
    const answer = await this.#post("v1/faces", form, { signal });
    return (await answer.json()).images[0];
  }

  async picture(bitmap, signal) {
    const form = new FormData();
    form.append("file", await jpeg(bitmap, CAMERA), "photo");
    const answer = await (await this.#post("v1/faces", form, { signal })).json();
    const scale = Math.max(1, Math.max(bitmap.width, bitmap.height) / CAMERA);
    return answer.images[0].faces.map((face) => ({ ...face, box: face.box.map((part) => Math.round(part * scale)) }));
  }

  /** Send a video; yields the rows of the answer as they come. */
  async *video(file, { every, signal, onLength }) {
    this.#check(file, this.facts.limits.video_bytes);
    await file.slice(0, 1).arrayBuffer().catch(() => { throw new FileProblem("cannot be read"); });
    const type = file.type.startsWith("video/") ? file.type : "application/octet-stream";
    const answer = await this.#post(`v1/video?every=${every}s`, file, { signal, type });
    let end = null;
    for await (const line of lines(answer.body, signal)) {
      if ("error" in line && !("time" in line)) throw new FileProblem(line.error.replace(/^the video: /, ""));
      if ("end" in line) end = line;
      else yield [line];
    }
    if (!end) throw new FileProblem("the answer of the server was cut off");
    onLength(end.end);
    if (end.damage) throw new FileProblem(end.damage);
  }

  finish() {}

  #check(file, most) {
    if (file.size <= most * 0.99) return; // the form around it takes some
    const megabytes = (bytes) => (bytes / 1e6).toFixed(0);
    throw new FileProblem(`${megabytes(file.size)} MB; the server reads at most ${megabytes(most)} MB`);
  }

  async #post(path, body, { signal, type }) {
    const headers = {};
    if (type) headers["Content-Type"] = type;
    if (this.token()) headers.Authorization = `Bearer ${this.token()}`;
    for (let tries = 1; ; tries++) {
      let answer;
      try {
        answer = await fetch(path, { method: "POST", body, headers, signal, cache: "no-store", redirect: "error" });
      } catch {
        signal?.throwIfAborted();
        throw new Halt(`The server ${location.host} does not answer.`);
      }
      if (answer.ok) return answer;
      const { status } = answer, detail = await problem(answer);
      if (status === 401) throw new Halt(this.token() ? "The server does not accept this token." : "The server needs a token.");
      if ([400, 408, 413, 415, 422].includes(status)) throw new FileProblem(detail);
      const wait = Number(answer.headers.get("Retry-After")) || 1;
      if (![429, 503].includes(status) || tries === TRIES || wait > WAIT) {
        throw new Halt(`The server ${location.host}: ${detail}`);
      }
      await pause(1000 * wait, signal);
    }
  }
}

/** The sentence of a refusal. */
async function problem(answer) {
  try {
    return (await answer.json()).detail.replace(/^photo: |^the video: /, "");
  } catch {
    return `an answer that is none of mien's (status ${answer.status})`;
  }
}

function pause(milliseconds, signal) {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), fail(signal.reason)), { once: true });
  });
}

/** The objects of an NDJSON stream. */
async function* lines(body, signal) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const found = (rest + (value ?? "")).split("\n");
      rest = found.pop();
      for (const line of found) yield JSON.parse(line);
      if (done) return;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new FileProblem("the answer of the server was cut off");
  } finally {
    reader.cancel().catch(() => {});
  }
}
