// Shows what the server sends: events, each an image with its own faces and figures.
"use strict";

const MOST = 10; // classes of a face, the most probable of more
const SPEECH = 5000, SILENCE = 3000; // milliseconds: between spoken messages; before the page says that no frame came
const part = (id) => document.getElementById(id);
let paused = false, shown = false, spoken = 0, arrived = Date.now();

function make(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text ?? "";
  return made;
}

/** The most probable expression, smoothed over time. */
function label(face) {
  return Object.entries(face.smoothed).reduce((one, other) => (other[1] > one[1] ? other : one))[0];
}

function row(label, probability) {
  const made = make("div"), meter = make("meter");
  meter.value = probability;
  meter.ariaLabel = label;
  made.append(make("span", label), meter, make("span", `${Math.round(100 * probability)} %`));
  return made;
}

function card(face, index) {
  const made = make("li");
  const flags = [face.quality !== "ok" && face.quality.replaceAll("|", ", "), face.uncertain && "uncertain"].filter(Boolean);
  made.append(make("h2", `${index + 1}. ${label(face)}${flags.length ? ` (${flags.join(", ")})` : ""}`));
  let rows = Object.entries(face.smoothed);
  if (rows.length > MOST) rows = rows.sort((one, other) => other[1] - one[1]).slice(0, MOST);
  for (const [label, probability] of rows) made.append(row(label, probability));
  return made;
}

function show(frame) {
  part("image").src = `data:image/jpeg;base64,${frame.image}`;
  part("rate").textContent = frame.rate.toFixed(1);
  part("latency").textContent = `${Math.round(1000 * frame.latency)} ms`;
  part("count").textContent = frame.faces.length;
  part("state").textContent = paused ? "Paused" : frame.faces.length ? "" : "No face in the image";
  part("faces").replaceChildren(...frame.faces.map(card));
  const words = frame.faces.map(label).join(", ") || "no face";
  if (Date.now() - spoken > SPEECH && part("spoken").textContent !== words) {
    spoken = Date.now();
    part("spoken").textContent = words;
  }
}

function pause(wanted) {
  paused = wanted;
  part("pause").textContent = paused ? "Play" : "Pause";
  part("state").textContent = paused ? "Paused" : "";
}

part("pause").addEventListener("click", () => pause(!paused));
const events = new EventSource("events");
events.addEventListener("message", (message) => {
  arrived = Date.now();
  if (paused && shown) return;
  shown = true;
  show(JSON.parse(message.data));
});
setInterval(() => {
  const silent = Math.round((Date.now() - arrived) / 1000);
  if (silent * 1000 >= SILENCE && !paused) part("state").textContent = `No new frame for ${silent} s`;
}, 1000);
pause(matchMedia("(prefers-reduced-motion: reduce)").matches);
