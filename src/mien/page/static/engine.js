// Finds the faces of images and their expressions in this browser: no image leaves it.
//
//     import { Engine } from "./engine.js";
//
//     const engine = await Engine.load(".");
//     const { faces } = await engine.recognise(file);
//
// All is computed in one worker, so that the page stays responsive.

export class Engine {
  #worker;
  #waiting = new Map();
  #last = 0;

  // Resolves once the networks are open.
  //
  // base: the folder of model.json, model.onnx, yunet.onnx and ort/, as an address or relative to the page.
  // onProgress: is called with the share of the bytes that are here, 0 to 1.
  //
  // Rejects with an Error whose message says what is missing.
  static async load(base = ".", { onProgress = () => {} } = {}) {
    const engine = new Engine();
    engine.#worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    engine.#worker.onmessage = ({ data }) => engine.#receive(data);
    engine.#worker.onerror = (event) => {
      event.preventDefault();
      engine.#end(new Error(event.message || "the worker of the recognition cannot be started"));
    };
    try {
      engine.model = await engine.#ask("load", { base: new URL(`${base}/`, document.baseURI).href }, onProgress);
    } catch (error) {
      engine.close();
      throw error;
    }
    return engine;
  }

  // The facts of model.json.
  model;

  // Resolves to {faces, milliseconds, width, height, detector}: the faces as `POST /v1/faces` answers them, the larger
  // ones first, and the size of the upright image. Calls wait for each other.
  //
  // source: a Blob or File with an image, an ImageBitmap, ImageData or VideoFrame. It stays the caller's.
  // minFace: pixels of the smallest faces that are searched for; null searches the whole image only, as is done with
  //   frames of videos; undefined: what Python has, 24, and null for a VideoFrame.
  // prior: which shares of the classes the answers assume, a name in model.priors; "model": what the model says.
  // onProgress: is called with the share of the searches that are done, 0 to 1.
  //
  // Rejects with an Error where it is no image that the browser can decode.
  recognise(source, { minFace, prior, onProgress = () => {} } = {}) {
    return this.#ask("recognise", { source, minFace, prior }, onProgress);
  }

  // Ends the worker; what waits is rejected.
  close() {
    this.#end(new Error("the recognition was closed"));
  }

  #ask(task, facts, onProgress) {
    if (!this.#worker) return Promise.reject(new Error("the recognition was closed"));
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { resolve, reject, onProgress });
      try {
        this.#worker.postMessage({ id, task, ...facts });
      } catch (error) {
        this.#waiting.delete(id); // a source that cannot be handed over: closed already, say
        reject(error);
      }
    });
  }

  #receive({ id, progress, result, error }) {
    const call = this.#waiting.get(id);
    if (!call) return;
    if (progress !== undefined) {
      call.onProgress(progress);
      return;
    }
    this.#waiting.delete(id);
    if (error === undefined) call.resolve(result);
    else call.reject(new Error(error));
  }

  #end(error) {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
