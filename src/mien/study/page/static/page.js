// Puts the parts of the page to work.

import { unpack } from "./data.js";
import { overview } from "./overview.js";
import { View } from "./scale.js";
import { Plot } from "./timeline.js";
import { moments } from "./moments.js";
import { persons } from "./persons.js";
import { make, reason } from "./words.js";

async function timelines() {
  const series = await unpack(), hidden = new Set(), shared = new View(), own = new Map();
  const linked = document.getElementById("linked"), waiting = new Set();
  const view = (plot) => {
    if (linked.checked) return shared;
    if (!own.has(plot)) own.set(plot, new View(shared.from, shared.span));
    return own.get(plot);
  };
  const draw = (some) => {
    if (!waiting.size) requestAnimationFrame(() => {
      for (const plot of waiting) if (plot.visible) plot.draw();
      waiting.clear();
    });
    for (const plot of some) waiting.add(plot);
  };
  const changed = (plot) => draw(linked.checked ? plots : [plot]);
  const plots = [...document.querySelectorAll(".series")].map((figure) => new Plot(figure, series[figure.dataset.series], { view, changed, hidden }));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const plot = plots.find((one) => one.place === target);
      plot.visible = isIntersecting;
      if (isIntersecting) draw([plot]);
    }
  }, { rootMargin: "300px" });
  for (const plot of plots) {
    plot.place.style.height = `${plot.height}px`;
    seen.observe(plot.place);
  }
  new ResizeObserver(() => draw(plots)).observe(document.getElementById("timelines"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(plots));

  const each = (act) => {
    const changing = linked.checked ? plots.slice(0, 1) : plots, longest = Math.max(...plots.map((plot) => plot.series.length));
    for (const plot of changing) act(view(plot), linked.checked ? longest : plot.series.length);
    draw(plots);
  };
  for (const button of document.querySelectorAll("#bar [data-zoom]")) {
    button.addEventListener("click", () => each((one, length) => {
      const [from, to] = one.of(length);
      one.zoom(Number(button.dataset.zoom), (from + to) / 2, length);
    }));
  }
  for (const button of document.querySelectorAll("#bar [data-pan]")) {
    button.addEventListener("click", () => each((one, length) => {
      const [from, to] = one.of(length);
      one.pan(Number(button.dataset.pan) * (to - from), length);
    }));
  }
  for (const button of document.querySelectorAll("#bar [data-span]")) {
    const span = Number(button.dataset.span);
    button.hidden = span > Math.max(...plots.map((plot) => plot.series.length));
    button.addEventListener("click", () => each((one, length) => one.show(one.of(length)[0], span || Infinity, span ? length : Infinity)));
  }
  for (const button of document.querySelectorAll("#legend button")) {
    button.addEventListener("click", () => {
      const of = Number(button.dataset.class), shows = button.ariaPressed === "true";
      shows ? hidden.add(of) : hidden.delete(of);
      button.ariaPressed = String(!shows);
      draw(plots);
    });
  }
  linked.addEventListener("change", () => draw(plots));
  addEventListener("beforeprint", () => plots.forEach((plot) => plot.draw()));
  const choice = document.getElementById("participant"), choose = () => {
    for (const one of document.querySelectorAll(".participant")) one.hidden = Boolean(choice.value) && one.dataset.participant !== choice.value;
  };
  choice.addEventListener("change", choose);
  document.getElementById("bar").hidden = false;

  return (facts, time) => {
    const keys = ["participant", "condition", "session", "video", "person"];
    const plot = plots.find(({ series: one }) => keys.every((key) => one[key] === facts[key]));
    if (!plot) return false;
    choice.value = "";
    choose();
    for (let one = plot.figure.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
    const at = time - plot.series.start;
    view(plot).show(at - 5, Math.min(10, plot.series.length), plot.series.length);
    plot.visible = true;
    changed(plot);
    plot.figure.scrollIntoView({ block: "center" });
    plot.place.focus({ preventScroll: true });
    plot.point(at);
    return true;
  };
}

overview();
persons();
timelines().then(moments, (error) => {
  const said = Object.assign(make("p", `The timelines cannot be shown; a browser of 2023 or later can. (${reason(error)})`), { className: "alert" });
  document.getElementById("timelines").append(said);
  moments(() => false);
});
