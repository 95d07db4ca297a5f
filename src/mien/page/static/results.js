// What has been found: items in the order in which they were given, each a photo or a video with its rows.

import { columns, faceOf } from "./table_text.js";

export class Results {
  items = [];

  constructor(labels) {
    this.labels = labels;
  }

  /** Add a photo or a video whose rows are yet to come. */
  add({ file, name, kind }) {
    const item = { file, name, kind, rows: [], frames: [], portraits: [], done: false, error: "", length: 0 };
    this.items.push(item);
    return item;
  }

  /** Take an item out again: it was not read. */
  remove(item) {
    this.items = this.items.filter((one) => one !== item);
  }

  clear() {
    this.items = [];
  }

  get photos() {
    return this.items.filter((item) => item.kind === "photo" && item.done);
  }

  get videos() {
    return this.items.filter((item) => item.kind === "video" && (item.rows.length || item.done));
  }

  /** The tables: one of all photos, and one of each video; as `mien predict` writes them. */
  get tables() {
    const photos = this.photos;
    return [
      ...(photos.length ? [{ name: "photos", video: false, items: photos }] : []),
      ...this.videos.map((item) => ({ name: item.name, video: true, items: [item] })),
    ].map((table) => ({ ...table, columns: columns(this.labels, table.video) }));
  }

  /** The faces of a photo, or of the frame of a video that is shown at a time. */
  faces(item, time) {
    const rows = item.kind === "video" ? (frameAt(item, time)?.rows ?? []) : item.rows;
    return rows.filter(hasFace).map((row) => faceOf(row, this.labels));
  }
}

/** Whether a row is of a face: others say that there is none. */
export const hasFace = (row) => row.expression !== undefined && row.expression !== null;

/** Add rows of one frame to a video. */
export function addFrame(item, rows) {
  const { time } = rows[0], last = item.frames.at(-1);
  if (last?.time === time) last.rows.push(...rows);
  else item.frames.push({ time, rows: [...rows] });
  item.rows.push(...rows);
}

/** The frame of a video at a time: the last one that is not later; null long after it. */
export function frameAt({ frames }, time) {
  let low = 0, high = frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames[middle].time <= time + 1e-3) low = middle + 1;
    else high = middle;
  }
  const frame = frames[low - 1], until = frames[low]?.time ?? (frame?.time ?? 0) + 1;
  return frame && time < until + 1 ? frame : null;
}
