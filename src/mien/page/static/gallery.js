// The faces of the photos by expression: the largest group first, the most confident face first in each.

import { hasFace } from "./results.js";
import { make, percent, quantity, title } from "./words.js";
import { faceOf } from "./table_text.js";

const MORE = 60; // faces of a group that are shown at first, and with each "show more"

export class Gallery {
  #results;
  #shown = new Map(); // expression -> faces that are shown
  #tiles = new WeakMap(); // row -> its tile

  constructor(results, { open, colours }) {
    this.#results = results;
    this.open = open;
    this.colours = colours;
    this.place = document.getElementById("gallery");
  }

  clear() {
    this.#shown.clear();
    this.place.replaceChildren();
  }

  show() {
    const groups = new Map();
    for (const item of this.#results.photos) {
      item.rows.filter(hasFace).forEach((row, index) => {
        if (!groups.has(row.expression)) groups.set(row.expression, []);
        groups.get(row.expression).push({ item, row, index });
      });
    }
    const before = ([one, some], [other, more]) => more.length - some.length || (one < other ? -1 : 1);
    const ordered = [...groups].sort(before);
    this.place.replaceChildren(...ordered.map(([name, faces]) => this.#group(name, faces)));
    if (ordered.length) return;
    this.place.append(make("p", "No face was found in a photo yet; the faces of videos are in their table."));
  }

  #group(name, faces) {
    const most = this.#shown.get(name) ?? MORE, group = make("section"), list = make("ul");
    const heading = make("h3", name, make("span", ` ${faces.length.toLocaleString("en")}`));
    group.style.setProperty("--bar", this.colours.get(name));
    faces.sort((one, other) => other.row.confidence - one.row.confidence);
    list.append(...faces.slice(0, most).map((face) => this.#tile(face)));
    group.append(heading, list);
    if (faces.length > most) {
      const button = make("button", `Show ${quantity(Math.min(MORE, faces.length - most), "more", "more")} of ${name}`);
      button.type = "button";
      button.addEventListener("click", () => {
        this.#shown.set(name, most + MORE);
        this.show();
        this.#tile(faces[most]).firstChild.focus(); // the first of those that were added
      });
      group.append(button);
    }
    return group;
  }

  #tile({ item, row, index }) {
    if (this.#tiles.has(row)) return this.#tiles.get(row);
    const face = faceOf(row, this.#results.labels), tile = make("li"), button = make("button");
    button.type = "button";
    button.ariaLabel = `${title(face)}, ${item.name}`;
    button.title = item.name;
    button.addEventListener("click", () => this.open(item, row));
    button.append(portrait(item.portraits[index]));
    const meter = make("i");
    meter.style.setProperty("--part", percent(face.confidence).replace(" ", ""));
    button.append(meter, make("b", percent(face.confidence)));
    if (face.uncertain) (tile.className = "uncertain"), button.append(make("span", title(face)));
    tile.append(button);
    this.#tiles.set(row, tile);
    return tile;
  }
}

/** An image of a blob, whose address is given back once it is loaded. */
function portrait(blob) {
  if (!blob) return Object.assign(make("span", "no picture"), { className: "blank" });
  const image = make("img"), url = URL.createObjectURL(blob);
  const done = () => URL.revokeObjectURL(url);
  Object.assign(image, { alt: "", width: 128, height: 128, src: url, onload: done, onerror: done });
  return image;
}
