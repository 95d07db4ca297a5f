// Numbers, lists and cells of tables as pages write them.

const NUMBER = new Intl.NumberFormat("en");
const FORMULA = /^'*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/; // what a spreadsheet runs

/** "98 %" of 0.98. */
export const percent = (share) => `${Math.round(100 * share)} %`;

/** "1,204 photos" */
export const quantity = (n, one, many = `${one}s`) => `${NUMBER.format(n)} ${n === 1 ? one : many}`;

/** "sad or neutral" */
export const either = (names) => names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;

/** How long something takes, roughly: "40 s", "3 min", "1 h 20 min". */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time in a video: "1:02.4". */
export function clock(seconds) {
  if (seconds < 0) return `-${clock(-seconds)}`;
  const tenths = Math.round(10 * seconds), minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

/** Why a face's answer is less reliable, in words: its quality, then "uncertain". */
export const flags = (face) => [
  ...(face.quality === "ok" ? [] : face.quality.split("|")),
  ...(face.uncertain ? ["uncertain"] : []),
];

/** "happy", or "uncertain: sad or neutral". */
export function label(face) {
  const set = face.prediction_set;
  return face.uncertain ? `uncertain: ${either(set?.length ? set : [face.expression])}` : face.expression;
}

/** "happy 98 %", or "uncertain: sad or neutral". */
export const title = (face) => (face.uncertain ? label(face) : `${label(face)} ${percent(face.confidence)}`);

/** The classes of a face, the most probable first: [name, share] each. */
export const ranked = (face) => Object.entries(face.probabilities).sort((one, other) => other[1] - one[1]);

/** What a thrown value says, as one line. */
export const reason = (error) => String(error?.message || error).split("\n")[0];

/** An element with a text and further children. Texts are never read as HTML. */
export function make(tag, text = "", ...children) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.append(...children);
  return made;
}

/** A cell of a CSV file. A text that a spreadsheet would run as a formula begins with ', which mien takes away. */
export function csvCell(value, separator = ",") {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "True" : "False"; // as Python writes them
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /["\r\n]/.test(safe) || safe.includes(separator) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
