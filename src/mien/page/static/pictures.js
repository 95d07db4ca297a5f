// Pictures as pixels: decoded within bounds, drawn small, faces cut out. No pixels are kept.

import { FileProblem } from "./problems.js";
import { quantity } from "./words.js";

const PORTRAIT = 128, MARGIN = 0.25; // pixels of a face that was cut out; what is shown around it, in parts of its box
export const WITHIN = 1e-3; // seconds: a frame that begins at a time, not the one before
export const RAW = { colorSpaceConversion: "none", premultiplyAlpha: "none" }; // the numbers of the file, as Python reads them

/** The width and height of a photo, upright, without decoding it. FileProblem where the browser cannot read it. */
async function size(file) {
  const url = URL.createObjectURL(file), image = new Image();
  try {
    image.src = url;
    await new Promise((done, fail) => Object.assign(image, { onload: done, onerror: fail }));
    return [image.naturalWidth, image.naturalHeight];
  } catch {
    throw new FileProblem("not a picture that this browser can read");
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Decode a photo of at most `most` pixels. The caller closes it. FileProblem where that cannot be done. */
export async function decode(file, most) {
  const [width, height] = await size(file);
  if (width * height > most) {
    const millions = (pixels) => Math.round(pixels / 1e6);
    throw new FileProblem(`${millions(width * height)} million pixels; at most ${millions(most)} million are read here`);
  }
  try {
    return await createImageBitmap(file, RAW);
  } catch {
    throw new FileProblem(`a picture of ${width} x ${height} pixels that is damaged, or too large for this browser`);
  }
}

/** Cut the faces of a picture out: a small JPEG each. */
export async function portraits(bitmap, faces, scale = [1, 1]) {
  const cut = [];
  for (const { box: [x, y, w, h] } of faces) {
    const side = Math.max(w, h) * (1 + 2 * MARGIN);
    const left = (x + w / 2 - side / 2) * scale[0], top = (y + h / 2 - side / 2) * scale[1];
    const canvas = new OffscreenCanvas(PORTRAIT, PORTRAIT), context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, left, top, side * scale[0], side * scale[1], 0, 0, PORTRAIT, PORTRAIT);
    cut.push(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 }));
  }
  return cut;
}

/** A picture as a JPEG file at most `most` pixels wide and high, for the server: { blob, scale to the picture }. */
export async function jpeg(bitmap, most) {
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}

/** A video as an element that can seek. FileProblem where the browser cannot play it. */
export async function openVideo(url) {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: url });
  await new Promise((done, fail) => {
    video.onloadeddata = done;
    video.onerror = () => fail(new FileProblem("not a video that this browser can play; a server of mien reads more kinds"));
  });
  if (!Number.isFinite(video.duration)) { // as recorders leave it: known once its end was sought
    await seek(video, 1e9);
    await seek(video, 0);
  }
  if (!video.videoWidth) throw new FileProblem("there is no picture in this video that this browser can show");
  return video;
}

/** Show the frame of a time. */
export async function seek(video, time) {
  await new Promise((done, fail) => {
    video.onseeked = done;
    video.onerror = () => fail(new FileProblem(`the video cannot be read beyond ${quantity(Math.round(time), "second")}`));
    video.currentTime = time + WITHIN;
  });
}
