// Views of which one is shown, as tabs.

/** Tabs as screen readers know them: arrows, Home and End choose. `show(name)` fills the panel. */
export function tabs(show) {
  const all = [...document.querySelectorAll("[role=tab]")];
  const select = (tab) => {
    for (const one of all) {
      const name = one.getAttribute("aria-controls"), chosen = one === tab;
      one.ariaSelected = String(chosen);
      one.tabIndex = chosen ? 0 : -1;
      document.getElementById(name).hidden = !chosen;
      if (chosen) show(name);
    }
  };
  all.forEach((tab, at) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const last = all.length - 1;
      const next = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at ? at - 1 : last, Home: 0, End: last }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      all[next].focus();
      select(all[next]);
    });
  });
}
