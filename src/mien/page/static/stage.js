// The picture that is shown, with boxes and bars over it, and its faces as a list.

import { clear, drawFaces } from "./draw.js";
import { flags, label, make, percent, quantity, ranked, title } from "./words.js";

const MOST = 10, FEW = 3, CARDS = 24; // classes of a face, of each of many faces; faces in the list
const WIDEST = 1600; // pixels of a photo that is shown
const LIST_EVERY = 250, SPEECH_EVERY = 5000; // milliseconds, of pictures that follow one another

const part = (id) => document.getElementById(id);

export class Stage {
  #views = { picture: part("picture"), video: part("video"), image: part("image") };
  #shown = null; // { faces, size }, so that it can be drawn again at another size
  #listed = -Infinity;
  #spoken = -Infinity;

  constructor(colours) {
    this.colours = colours;
    this.video = this.#views.video;
    new ResizeObserver(() => this.#draw()).observe(part("frame"));
  }

  /** Show one of the views: "picture", "video", "image", or "" for none. */
  open(view, heading, note = "") {
    for (const [name, element] of Object.entries(this.#views)) element.hidden = name !== view;
    this.#shown = null;
    clear(part("overlay"));
    part("frame").hidden = !view;
    part("stage").hidden = false;
    document.body.classList.add("used");
    part("stage-title").textContent = heading;
    this.note(note);
    this.list([]);
  }

  close() {
    part("stage").hidden = true;
    this.#shown = null;
  }

  note(text) {
    part("note").textContent = text;
  }

  /** Show a picture. */
  picture(bitmap) {
    const canvas = this.#views.picture, scale = Math.min(1, WIDEST / Math.max(bitmap.width, bitmap.height));
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  }

  /** Draw faces over what is shown. `size`: the width and height that the boxes are in. */
  faces(faces, size) {
    const frame = part("frame");
    frame.style.setProperty("--ratio", size[0] / size[1]);
    frame.style.setProperty("--wide", `${Math.max(size[0], 480)}px`);
    this.#shown = { faces, size };
    this.#views.picture.setAttribute("aria-label", describe(faces));
    this.#draw();
  }

  /** As `faces`, for pictures that follow one another: the list and the speech keep a pace that can be followed. */
  stream(faces, size) {
    this.faces(faces, size);
    const now = performance.now();
    if (now - this.#listed > LIST_EVERY) (this.#listed = now), this.list(faces);
    if (now - this.#spoken > SPEECH_EVERY) (this.#spoken = now), speak(describe(faces, label));
  }

  /** List faces with the bars of their classes. */
  list(faces) {
    const most = faces.length > FEW ? FEW : MOST;
    part("faces").replaceChildren(...faces.slice(0, CARDS).map((face, index) => this.#card(face, faces.length > 1 ? index : null, most)));
    part("more-faces").textContent = faces.length > CARDS ? `and ${quantity(faces.length - CARDS, "face")} more` : "";
  }

  #card(face, index, most) {
    const number = face.track ?? index; // as in the table
    const card = make("li", "", make("h4", number === null ? title(face) : `Face ${number}: ${title(face)}`));
    const why = flags(face).filter((flag) => flag !== "uncertain");
    if (why.length) card.append(make("p", `less reliable: ${why.join(", ")}`));
    for (const [label, share] of ranked(face).slice(0, most)) {
      const meter = make("meter");
      meter.value = share;
      meter.ariaLabel = label;
      meter.style.setProperty("--bar", this.colours.get(label));
      card.append(make("div", "", make("span", label), meter, make("span", percent(share))));
    }
    return card;
  }

  #draw() {
    if (this.#shown && !part("stage").hidden) drawFaces(part("overlay"), this.#shown.faces, this.#shown.size, this.colours);
  }
}

/** What a picture shows, in words: `words` of each face. */
export function describe(faces, words = title) {
  if (!faces.length) return "no face found";
  return `${quantity(faces.length, "face")}: ${faces.slice(0, CARDS).map((face) => words(face)).join("; ")}`;
}

/** Have a screen reader say something, once it has finished. */
export function speak(text) {
  if (part("spoken").textContent !== text) part("spoken").textContent = text;
}
