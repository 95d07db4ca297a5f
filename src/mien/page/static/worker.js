// The worker behind engine.js: opens the networks, decodes images, recognises one after the other.

import { image } from "./pixels.js";
import { Recognizer } from "./recognizer.js";

const BYTES = ["model.onnx", "yunet.onnx", "ort/ort-wasm-simd-threaded.wasm"]; // what is worth a progress bar

let recognizer;
let canvas;
let queue = Promise.resolve();

self.onmessage = ({ data: { id, task, ...facts } }) => {
  const onProgress = (progress) => self.postMessage({ id, progress });
  queue = queue.then(async () => {
    try {
      const result = await (task === "load" ? load(facts, onProgress) : recognise(facts, onProgress));
      self.postMessage({ id, result });
    } catch (error) {
      self.postMessage({ id, error: error?.message ?? String(error) });
    }
  });
};

async function load({ base }, onProgress) {
  const facts = await (await fetched(base, "model.json")).json();
  if (!facts.browser) throw new Error("this page came without onnxruntime-web: it cannot recognise faces in the browser");
  const total = BYTES.reduce((sum, name) => sum + facts.bytes[name], 0);
  let here = 0;
  const count = (bytes) => onProgress((here += bytes) / total);
  const [model, yunet, wasm] = await Promise.all(BYTES.map((name) => bytesOf(base, name, facts.bytes[name], count)));
  const ort = await import(new URL("ort/ort.wasm.min.mjs", base));
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = { mjs: new URL("ort/ort-wasm-simd-threaded.mjs", base).href };
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
  const open = (bytes, options) => ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], ...options });
  const network = await open(model);
  const detector = await open(yunet, { enableMemPattern: false }); // images differ in size
  recognizer = new Recognizer(detector, network, facts, (numbers, shape) => new ort.Tensor("float32", numbers, shape));
  return facts;
}

async function fetched(base, name) {
  const answer = await fetch(new URL(name, base)).catch(() => null);
  if (!answer?.ok) throw new Error(`${name} cannot be loaded (${answer ? `status ${answer.status}` : "no connection"})`);
  return answer;
}

async function bytesOf(base, name, size, count) {
  const { body } = await fetched(base, name);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (at + (value?.length ?? 0) > size || (done && at < size)) throw new Error(`${name} is not that of model.json`);
    if (done) return bytes;
    bytes.set(value, at);
    at += value.length;
    count(value.length);
  }
}

async function recognise({ source, minFace, prior }, onProgress) {
  const began = performance.now();
  if (minFace === undefined && typeof VideoFrame !== "undefined" && source instanceof VideoFrame) minFace = null;
  const pixels = await pixelsOf(source);
  const faces = await recognizer.recognise(pixels, { minFace, prior }, onProgress);
  const { width, height } = pixels;
  return { faces, milliseconds: performance.now() - began, width, height, detector: recognizer.facts.detector.name };
}

// The upright RGBA image of a source; what is transparent becomes white. Colour profiles are not applied, as in Python.
async function pixelsOf(source) {
  if (source instanceof ImageData) return image(source.width, source.height, 4, flatten(source.data));
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const drawn = source instanceof Blob ? await createImageBitmap(source, options).catch(notAnImage) : source;
  try {
    const [width, height] = [drawn.displayWidth ?? drawn.width, drawn.displayHeight ?? drawn.height];
    canvas ??= new OffscreenCanvas(width, height);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(drawn, 0, 0, width, height);
    return image(width, height, 4, context.getImageData(0, 0, width, height).data);
  } finally {
    drawn.close();
  }
}

function notAnImage() {
  throw new Error("not an image that this browser can decode");
}

// RGBA on white, as Pillow blends.
function flatten(data) {
  for (let at = 3; at < data.length; at += 4) {
    const alpha = data[at];
    if (alpha === 255) continue;
    for (let k = at - 3; k < at; k++) {
      const sum = (data[k] * alpha + 255 * (255 - alpha)) * 128 + 0x4000;
      data[k] = ((sum >> 8) + sum) >> 15;
    }
  }
  return data;
}
