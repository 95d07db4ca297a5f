// Shows what the server sends: events, each a picture with its own faces and figures.
"use strict";

const SPEECH = 5000, SILENCE = 3000; // milliseconds: between words spoken, until we worry
const part = (id) => document.getElementById(id);
let paused = false, shown = false, spoken = 0, arrived = Date.now();

function make(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text ?? "";
  return made;
}

function row(label, probability) {
  const made = make("div"), meter = make("meter");
  meter.value = probability;
  meter.ariaLabel = label;
  made.append(make("span", label), meter, make("span", `${Math.round(100 * probability)} %`));
  return made;
}

function card(face, place) {
  const made = make("li");
  const notes = [face.quality === "low" && "too small or blurred", face.uncertain && "uncertain"].filter(Boolean);
  made.append(make("h2", `${place + 1}. ${face.expression}${notes.length ? ` (${notes.join(", ")})` : ""}`));
  for (const [label, probability] of Object.entries(face.probabilities)) made.append(row(label, probability));
  return made;
}

function show(shot) {
  part("picture").src = `data:image/jpeg;base64,${shot.picture}`;
  part("rate").textContent = shot.rate.toFixed(1);
  part("latency").textContent = `${Math.round(1000 * shot.latency)} ms`;
  part("count").textContent = shot.faces.length;
  part("state").textContent = paused ? "Paused" : shot.faces.length ? "" : "No face in the picture";
  part("faces").replaceChildren(...shot.faces.map(card));
  const words = shot.faces.map((face) => face.expression).join(", ") || "no face";
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
