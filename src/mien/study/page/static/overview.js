// The figures of participants and conditions: the chosen one in the table, and as dots.

import { known } from "./data.js";

const SVG = "http://www.w3.org/2000/svg", WIDE = 200, HIGH = 120, LEFT = 34, TOP = 22, BELOW = 22;
const SMALLEST = 0.1; // of an axis
const STRONG = 0.717; // of the largest colour, from which the text is inverted, as in mien.core/macros.html

export function overview() {
  const choice = document.getElementById("figure"), show = () => {
    cells(choice.value);
    dots(choice.value);
    document.getElementById("figures-caption").textContent = choice.selectedOptions[0].textContent.replace(/^./, (first) => first.toUpperCase());
  };
  choice.addEventListener("change", show);
  show();
}

function cells(figure) {
  const values = known.figures.values[figure], most = Math.max(...values.flat().map(Math.abs), 1e-9);
  const empty = known.figures.columns.map((_, column) => values.every((row) => row[column] === null));
  document.querySelectorAll("#figures [data-column]").forEach((head, column) => (head.hidden = empty[column]));
  document.querySelectorAll("#figures tbody tr").forEach((row, unit) => {
    row.querySelectorAll(".value").forEach((cell, column) => {
      cell.hidden = empty[column];
      const value = values[unit][column], rate = value === null ? 0 : Math.abs(value) / most;
      cell.textContent = value === null ? "-" : value.toFixed(2);
      cell.style.setProperty("--rate", rate.toFixed(3));
      cell.classList.toggle("strong", rate >= STRONG);
    });
  });
}

function dots(figure) {
  const { columns, units, values } = known.figures, place = document.getElementById("dots");
  const conditions = [...new Set(units.map(([, , condition]) => condition))];
  place.hidden = units.length < 2;
  place.replaceChildren(
    ...columns.flatMap((name, column) => {
      const rows = units.map((unit, at) => ({ unit, value: values[figure][at][column] })).filter(({ value }) => value !== null);
      return rows.length ? [chart(name, rows, conditions)] : [];
    }),
  );
}

function chart(name, rows, conditions) {
  const svg = add(null, "svg", { viewBox: `0 0 ${WIDE} ${HIGH}` });
  const values = rows.map(({ value }) => value), [low, high] = limits(Math.min(0, ...values), Math.max(0, ...values), SMALLEST);
  const y = (value) => TOP + (HIGH - TOP - BELOW) * (1 - (value - low) / (high - low || 1));
  const x = (condition) => LEFT + (WIDE - LEFT) * ((conditions.indexOf(condition) + 0.5) / conditions.length);
  add(svg, "text", { x: 0, y: 11, class: "title" }, name);
  for (const tick of new Set([low, 0, high])) {
    add(svg, "line", { class: "grid", x1: LEFT, x2: WIDE, y1: y(tick), y2: y(tick) });
    add(svg, "text", { x: LEFT - 5, y: y(tick) + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(2))));
  }
  const people = new Map();
  for (const row of rows) {
    const key = [row.unit[0], row.unit[1], row.unit[3]].join("\n");
    people.set(key, [...(people.get(key) ?? []), row]);
  }
  for (const several of people.values()) {
    several.sort((one, other) => conditions.indexOf(one.unit[2]) - conditions.indexOf(other.unit[2]));
    const points = several.map(({ unit, value }) => `${x(unit[2])},${y(value)}`).join(" ");
    if (several.length > 1) add(svg, "polyline", { class: "join", points });
  }
  for (const { unit, value } of rows) add(svg, "circle", { class: "one", cx: x(unit[2]), cy: y(value), r: 3.2 });
  const room = (WIDE - LEFT) / conditions.length;
  for (const condition of conditions) {
    const mine = rows.filter(({ unit }) => unit[2] === condition);
    if (mine.length > 1) {
      const mean = mine.reduce((sum, { value }) => sum + value, 0) / mine.length;
      add(svg, "line", { class: "mean", x1: x(condition) - 9, x2: x(condition) + 9, y1: y(mean), y2: y(mean) });
    }
    const letters = Math.max(1, Math.floor(room / 6)), text = condition.length > letters ? `${condition.slice(0, letters - 1)}…` : condition;
    add(svg, "text", { x: x(condition), y: HIGH - 5, "text-anchor": "middle" }, text);
  }
  return svg;
}

/** Round limits of an axis; at least `least` is shown, so that nothing looks large because all else is small. */
function limits(low, high, least) {
  const range = Math.max(high - low, least), step = 10 ** Math.floor(Math.log10(range));
  const round = (value) => step * Math.ceil(value / step - 1e-9);
  return [-round(-low) || 0, round(Math.max(high, low + range))];
}

function add(parent, tag, facts, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(facts)) made.setAttribute(key, value);
  made.textContent = text;
  parent?.append(made);
  return made;
}
