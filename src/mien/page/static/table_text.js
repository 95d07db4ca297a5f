// Rows and files of tables: the columns of `mien predict --table`, as CSV or JSON.

import { withShares } from "./tracks.js";
import { csvCell } from "./words.js";

const FACE = ["x", "y", "w", "h", "detection", "expression", "confidence", "quality", "roll", "yaw", "pitch"];
const PIECE = 2000; // rows that are written at a time

/** The columns of a table of photos, or of a video. */
export function columns(labels, video) {
  const shares = (kind) => labels.map((label) => `${kind}_${label}`);
  const more = [...FACE, "uncertain", "prediction_set", ...shares("p")];
  return video
    ? ["frame", "time", "track", "person", ...more, ...shares("s"), "detector"]
    : ["file", "face", ...more, "detector", "error"];
}

/** The cells that photos and videos have in common, of a face as POST /v1/faces gives it. */
function cells(face) {
  const { box: [x, y, w, h], prediction_set: set, probabilities, ...plain } = face;
  const shares = Object.entries(probabilities).map(([label, share]) => [`p_${label}`, share]);
  return { x, y, w, h, ...plain, prediction_set: set?.join("|") ?? null, ...Object.fromEntries(shares) };
}

/** The rows of a photo: one for each face; one with empty cells where there is none. */
export function photoRows({ name, faces, detector, error }) {
  if (!faces?.length) return [{ file: name, detector: error ? null : detector, error: error || null }];
  return faces.map((face, index) => ({ file: name, face: index, ...cells(face), detector }));
}

/** The rows of a frame of a video whose faces have tracks; one with empty cells where there is no face. */
export function frameRows({ frame, time, faces, tracks, detector }) {
  if (!faces.length) return [{ frame, time }];
  return faces.map((face, index) => {
    const track = tracks[index]; // the page does not recognise persons: each track is one
    return { frame, time, track, person: track, ...cells(face), detector };
  });
}

/** The face of a row, as POST /v1/faces gives it; of a video with its smoothed probabilities, once it has them. */
export function faceOf(row, labels) {
  const { x, y, w, h, person, detection, expression, confidence, quality, uncertain, prediction_set: set } = row;
  const shares = (kind) => Object.fromEntries(labels.map((label) => [label, row[`${kind}_${label}`]]));
  const face = {
    ...{ box: [x, y, w, h], track: person, detection, expression, confidence, quality, uncertain },
    prediction_set: set ? set.split("|") : null,
    probabilities: shares("p"),
  };
  return `s_${labels[0]}` in row ? withShares(face, shares("s")) : face;
}

/** A CSV file of rows (an iterable). */
export function csvFile(rows, names) {
  return file("text/csv;charset=utf-8", rows, [`${names.map((name) => csvCell(name)).join(",")}\n`], (row) =>
    `${names.map((name) => csvCell(row[name])).join(",")}\n`);
}

/** A JSON file of rows: a list of objects, each with every column. */
export function jsonFile(rows, names) {
  let comma = "";
  const write = (row) => {
    const text = comma + JSON.stringify(Object.fromEntries(names.map((name) => [name, row[name] ?? null])));
    comma = ",\n";
    return text;
  };
  return file("application/json", rows, ["["], write, "]\n");
}

function file(type, rows, parts, write, end = "") {
  let piece = [];
  for (const row of rows) {
    piece.push(write(row));
    if (piece.length === PIECE) parts.push(new Blob([piece.join("")])), (piece = []);
  }
  return new Blob([...parts, piece.join(""), end], { type });
}
