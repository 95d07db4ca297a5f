// The faces of an image and their expressions, as mien.Recognizer finds and scores them in Python.

import { cut } from "./crop.js";
import { resizeSquare, round, toGrey } from "./pixels.js";
import { reasons } from "./quality.js";
import { YuNet } from "./yunet.js";

const { fround, max } = Math;
const BATCH = 32; // crops in one call of the network
const CHANNELS = { grey: [0], RGB: [0, 1, 2], BGR: [2, 1, 0] };

export class Recognizer {
  // `facts` is model.json; `tensor` makes a tensor of the runtime of both sessions: (numbers, shape) => tensor.
  constructor(detector, network, facts, tensor) {
    this.detector = new YuNet(detector, facts.detector, tensor);
    this.network = network;
    this.facts = facts;
    this.tensor = tensor;
    this.channels = CHANNELS[facts.input.channels];
    const { mean, std } = facts.input; // in the order red, green, blue
    this.scaled = mean.map((centre, k) =>
      Float32Array.from({ length: 256 }, (_, value) => fround(fround(fround(value / 255) - fround(centre)) / fround(std[k]))),
    );
  }

  // The objects of `mien predict --json`, the larger faces first.
  async recognise(source, { minFace = this.facts.detector.min_face, prior = "model" }, onProgress) {
    const answers = this.facts.priors[prior];
    if (!answers) throw new Error(`prior ${prior}: the model has ${Object.keys(this.facts.priors).join(", ")}`);
    const { size } = this.facts.input;
    const faces = await this.detector.find(source, minFace, onProgress);
    const crops = faces.map((face) => {
      const square = resizeSquare(cut(source, face.subarray(0, 4), face.subarray(4, 14), this.facts.crop), size);
      return this.channels.length === 1 ? toGrey(square) : square;
    });
    const logits = await this.#logits(crops);
    return faces.map((face, index) => {
      const held = reasons(face, crops[index], source.width, source.height, this.facts.quality);
      return this.#toObject(face, held, probabilities(logits[index], this.facts, answers), answers);
    });
  }

  // The logits of crops, a Float32Array each.
  async #logits(crops) {
    const { input, output, labels } = this.facts;
    const rows = [];
    for (let start = 0; start < crops.length; start += input.batch ?? BATCH) {
      const some = crops.slice(start, start + (input.batch ?? BATCH));
      const [shape, numbers] = this.#planes(some, input.batch ?? some.length);
      const found = await this.network.run({ [input.name]: this.tensor(numbers, shape) }, [output.name]);
      const { data } = found[output.name];
      for (let k = 0; k < some.length; k++) rows.push(data.slice(k * labels.length, (k + 1) * labels.length));
    }
    if (output.kind === "logits") return rows;
    return rows.map((row) => row.map((value) => Math.log(max(value, 2 ** -126)))); // the smallest float32
  }

  // The shape and the numbers of crops as the network reads them, filled up with zeros to `n` crops.
  #planes(crops, n) {
    const { size, layout } = this.facts.input;
    const { channels, scaled } = this;
    const count = channels.length;
    const pixels = size * size;
    const numbers = new Float32Array(n * count * pixels);
    crops.forEach(({ data }, index) => {
      channels.forEach((channel, plane) => {
        const [first, step] = layout === "NCHW" ? [plane * pixels, 1] : [plane, count];
        let to = index * count * pixels + first;
        for (let at = channel; at < data.length; at += count, to += step) numbers[to] = scaled[channel][data[at]];
      });
    });
    return [layout === "NCHW" ? [n, count, size, size] : [n, size, size, count], numbers];
  }

  #toObject(face, held, row, { threshold, quantile }) {
    const { labels, quality } = this.facts;
    const ranked = labels.map((_, k) => k).sort((one, other) => row[other] - row[one]);
    const confidence = row[ranked[0]];
    const inSet = (k) => 1 - row[k] <= quantile || k === ranked[0];
    return {
      box: [...face.subarray(0, 4)].map((value, k) => (k < 2 ? round(value) : max(1, round(value)))),
      detection: decimals(face[14], 4),
      expression: labels[ranked[0]],
      confidence: decimals(confidence, 6),
      quality: quality.reasons.filter((_, k) => held[k]).join("|") || "ok",
      roll: null,
      yaw: null,
      pitch: null,
      uncertain: threshold === null ? null : confidence < threshold,
      prediction_set: quantile === null ? null : ranked.filter(inSet).map((k) => labels[k]),
      probabilities: Object.fromEntries(labels.map((label, k) => [label, decimals(row[k], 6)])),
    };
  }
}

const decimals = (value, places) => round(value * 10 ** places) / 10 ** places;

// The softmax of calibrated logits, moved to the prior of the answers.
function probabilities(logits, { temperature, scale, bias }, { offset }) {
  const moved = logits.map((value, k) => {
    const calibrated = scale ? fround(value * fround(scale[k])) + fround(bias[k]) : value / fround(temperature);
    return fround(calibrated) + offset[k];
  });
  const largest = max(...moved);
  const powers = moved.map((value) => Math.exp(fround(value - largest)));
  const sum = powers.reduce((total, value) => fround(total + value), 0);
  return powers.map((value) => value / sum);
}
