// the keyboard reaches what is too wide for the page and scrolls
const reach = () => {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", "Table, scrolls sideways");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
};
addEventListener("load", reach);
addEventListener("resize", reach);
new MutationObserver(reach).observe(document.querySelector("article"), { childList: true });  // the theme wraps tables
