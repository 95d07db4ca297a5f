// Who is who: names, merges and removals of tracks, by the rules of mien.study.people; saved as persons.csv.

import { known } from "./data.js";
import { csvCell, clock, make, quantity } from "./words.js";

const { head, rows, separator, decimal } = known.persons;
const [VIDEO, TRACK, PERSON, REMOVE, PROPOSED] = ["video", "track", "person", "remove", "proposed"].map((name) => head.indexOf(name));

/** A track on the page, and its row of the table. */
class Card {
  constructor(item, row, changed) {
    Object.assign(this, { item, row, field: item.querySelector(".one"), box: item.querySelector(".remove"), note: item.querySelector(".problem") });
    this.before = [this.field.value, this.box.checked];
    this.field.addEventListener("input", changed);
    this.box.addEventListener("change", changed);
  }

  /** Empty is the proposed person, and 1.0 is 1, as the run reads it. */
  get person() {
    const text = this.field.value.trim();
    if (!text) return String(this.row[PROPOSED]);
    return /^\d+([.,]0*)?$/.test(text) ? String(parseInt(text, 10)) : text;
  }

  get edited() {
    return this.field.value !== this.before[0] || this.box.checked !== this.before[1];
  }

  show(problem) {
    this.item.classList.toggle("edited", this.edited);
    this.item.classList.toggle("out", this.box.checked);
    this.note.hidden = !problem;
    this.note.textContent = problem;
    this.field.ariaInvalid = String(Boolean(problem));
  }

  undo() {
    [this.field.value, this.box.checked] = this.before;
  }

  get cells() {
    const cells = [...this.row];
    cells[PERSON] = this.person;
    cells[REMOVE] = this.box.checked ? "yes" : "";
    return cells;
  }
}

export function persons() {
  const bar = document.getElementById("save-bar"), said = document.getElementById("edits"), cards = new Map();
  if (!rows.length) return;
  let saved = 0;
  const byKey = new Map(rows.map((row) => [keyOf(row[VIDEO], row[TRACK]), row]));
  const together = new Map(); // key of a track -> the tracks that are seen with it, each with its first time
  for (const [video, pairs] of Object.entries(known.together)) {
    for (const [a, b, time] of pairs) {
      for (const [one, other] of [[a, b], [b, a]]) {
        const key = keyOf(video, one);
        if (!together.has(key)) together.set(key, []);
        together.get(key).push({ track: other, key: keyOf(video, other), time });
      }
    }
  }
  const count = () => [...cards.values()].filter((card) => card.edited).length;
  const changed = () => {
    let problems = 0;
    for (const [key, card] of cards) {
      const problem = conflict(card, together.get(key) ?? [], cards);
      problems += Boolean(problem);
      card.show(problem);
    }
    const edits = count();
    said.textContent = [edits ? quantity(edits, "track") + " edited" : "", problems ? `${quantity(problems, "track")} with a problem` : ""].filter(Boolean).join(", ");
    document.getElementById("save").disabled = problems > 0;
    return edits;
  };
  for (const video of document.querySelectorAll(".video")) {
    for (const item of video.querySelectorAll("[data-track]")) {
      const key = keyOf(video.dataset.video, item.dataset.track);
      cards.set(key, new Card(item, byKey.get(key), changed));
    }
    for (const group of video.querySelectorAll(".person")) {
      const all = group.querySelector(".all"), fields = [...group.querySelectorAll(".one")];
      const out = group.querySelector(".all-out"), boxes = [...group.querySelectorAll(".remove")];
      out.checked = boxes.every((box) => box.checked);
      out.addEventListener("change", () => {
        for (const box of boxes) box.checked = out.checked;
        changed();
      });
      if (new Set(fields.map((field) => field.value)).size === 1 && fields[0].value !== group.dataset.proposed) all.value = fields[0].value;
      all.addEventListener("input", () => {
        for (const field of fields) field.value = all.value || group.dataset.proposed;
        changed();
      });
    }
  }
  const names = new Set(known.figures.units.map(([participant]) => participant));
  document.getElementById("names").append(...[...names].map((name) => Object.assign(make("option"), { value: name })));
  document.getElementById("undo").addEventListener("click", () => {
    for (const card of cards.values()) card.undo();
    for (const all of document.querySelectorAll(".person .all")) all.value = "";
    for (const out of document.querySelectorAll(".person .all-out")) out.checked = false;
    changed();
  });
  document.getElementById("save").addEventListener("click", () => {
    const edited = new Map([...cards.values()].map((card) => [card.row, card.cells]));
    save(rows.map((row) => edited.get(row) ?? row));
    saved = changed();
    said.textContent = "Saved. Put persons.csv into the folder of the study, and run mien study run.";
  });
  addEventListener("beforeunload", (event) => {
    if (count() !== saved) event.preventDefault();
  });
  bar.hidden = false;
  changed();
}

const keyOf = (video, track) => `${video}\n${track}`;

/** Why a track cannot have its name: another track of that name is seen in the same frame. */
function conflict(card, others, cards) {
  if (card.box.checked) return "";
  for (const { track, key, time } of others) {
    const other = cards.get(key);
    if (other && !other.box.checked && other.person === card.person) {
      return `Seen together with track ${track} at ${clock(time)}: give them two names, or leave one out.`;
    }
  }
  return "";
}

function save(table) {
  const cell = (value) => (typeof value === "number" ? String(value).replace(".", decimal) : csvCell(value, separator));
  const text = [head, ...table].map((row) => `${row.map(cell).join(separator)}\n`).join("");
  const link = Object.assign(make("a"), { href: URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" })), download: "persons.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
