// The table of the results, a page of rows at a time: sorted by any column, each row leads to its picture.

import { hasFace } from "./results.js";
import { csvFile, jsonFile } from "./table_text.js";
import { clock, either, make, quantity } from "./words.js";

const PAGE = 100; // rows that are shown at a time
const FEW = ["file", "face", "time", "track", "expression", "confidence", "uncertain", "prediction_set", "quality"];
const part = (id) => document.getElementById(id);

export class Table {
  #results;
  #sort = null; // { column, direction }: 1 rising, -1 falling; null: as they were read
  #page = 0;
  #chosen = 0; // which table
  #head = "";

  /** `open(item, row)` shows the picture of a row. */
  constructor(results, open) {
    this.#results = results;
    this.open = open;
    part("page-back").addEventListener("click", () => this.#turn(-1));
    part("page-on").addEventListener("click", () => this.#turn(1));
    part("all-columns").addEventListener("change", () => this.show());
    part("of").addEventListener("change", () => {
      this.#chosen = part("of").selectedIndex;
      this.#page = 0;
      this.#sort = null;
      this.show();
    });
    part("csv").addEventListener("click", () => this.#download(csvFile, "csv"));
    part("json").addEventListener("click", () => this.#download(jsonFile, "json"));
  }

  get #table() {
    const { tables } = this.#results;
    this.#chosen = Math.min(this.#chosen, Math.max(0, tables.length - 1));
    return tables[this.#chosen];
  }

  /** Show the table of a video, or that of the photos. */
  choose(item) {
    const { tables } = this.#results;
    this.#chosen = Math.max(0, tables.findIndex((table) => table.items.includes(item)));
    this.show();
  }

  show() {
    const table = this.#table;
    if (!table) return;
    this.#showChoice();
    const names = part("all-columns").checked ? table.columns : table.columns.filter((name) => FEW.includes(name));
    this.#showHead(names);
    const rows = this.#sorted(table), pages = Math.max(1, Math.ceil(rows.length / PAGE));
    this.#page = Math.min(this.#page, pages - 1);
    const first = this.#page * PAGE, some = rows.slice(first, first + PAGE);
    document.querySelector("#table tbody").replaceChildren(...some.map((entry) => this.#row(entry, names, table.video)));
    part("pages").hidden = pages === 1;
    part("page-text").textContent = `rows ${first + 1} to ${first + some.length} of ${rows.length.toLocaleString("en")}`;
    part("page-back").disabled = !this.#page;
    part("page-on").disabled = this.#page === pages - 1;
    part("table-caption").textContent = caption(table, rows);
  }

  #showChoice() {
    const names = this.#results.tables.map((table) => table.name), select = part("of");
    part("of-field").hidden = names.length < 2;
    if (names.length !== select.options.length || names.some((name, at) => select.options[at].text !== name)) {
      select.replaceChildren(...names.map((name) => make("option", name)));
    }
    select.selectedIndex = this.#chosen;
  }

  #showHead(names) {
    const row = document.querySelector("#table thead tr");
    if (this.#head !== names.join()) { // the focus stays on a button that stays
      this.#head = names.join();
      row.replaceChildren(...names.map((name) => {
        const head = make("th"), button = make("button", name.replaceAll("_", " "));
        Object.assign(head, { scope: "col" });
        head.dataset.column = name;
        button.type = "button";
        button.addEventListener("click", () => this.#sortBy(name));
        head.append(button);
        return head;
      }));
    }
    for (const head of row.children) {
      const { column, direction } = this.#sort ?? {};
      if (head.dataset.column === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  }

  #sortBy(column) {
    const rising = this.#sort?.column !== column || this.#sort.direction < 0;
    this.#sort = { column, direction: rising ? 1 : -1 };
    this.#page = 0;
    this.show();
  }

  /** Rows with their items. Frames without a face are in the files alone. */
  #sorted({ items, video }) {
    const rows = items.flatMap((item) => item.rows.filter((row) => !video || hasFace(row)).map((row) => ({ item, row })));
    if (!this.#sort) return rows;
    const { column, direction } = this.#sort, { compare } = new Intl.Collator("en", { numeric: true });
    const empty = ({ row }) => row[column] === null || row[column] === undefined;
    const order = (one, other) => typeof one === "string" ? compare(one, other) : one - other;
    return rows.sort((one, other) => empty(one) - empty(other) || direction * order(one.row[column], other.row[column]) || 0);
  }

  #row({ item, row }, names, video) {
    const made = make("tr"), face = hasFace(row);
    if (row.uncertain) made.className = "uncertain";
    for (const name of names) {
      const leads = name === (video ? "time" : "file"), cell = make(leads ? "th" : "td");
      cell.dataset.column = name;
      if (!leads) {
        cell.textContent = face || name !== "expression" ? shown(name, row[name]) : row.error ? "not read" : "no face found";
        if (!face && name === "expression") cell.className = "quiet";
        if (typeof row[name] === "number") cell.className = "number";
      } else {
        const button = make("button", video ? clock(row.time) : row.file);
        Object.assign(button, { type: "button", className: "link", title: row.file ?? "" });
        button.addEventListener("click", () => this.open(item, row));
        cell.scope = "row";
        cell.append(button);
      }
      made.append(cell);
    }
    return made;
  }

  #turn(step) {
    this.#page += step;
    this.show();
    part("table-scroll").scrollTop = 0;
  }

  #download(write, suffix) {
    const { items, columns, video } = this.#table;
    function* rows() {
      for (const item of items) yield* item.rows;
    }
    const link = make("a"), url = URL.createObjectURL(write(rows(), columns));
    link.href = url;
    link.download = `${video ? items[0].name.split("/").at(-1) : "faces"}.${suffix}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

function shown(name, value) {
  if (value === null || value === undefined) return "";
  if (name === "prediction_set") return either(value.split("|"));
  if (name === "quality") return value.replaceAll("|", ", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(name === "time" ? 3 : 4) : String(value);
}

function caption({ items, video }, rows) {
  const faces = rows.filter(({ row }) => hasFace(row));
  const uncertain = faces.filter(({ row }) => row.uncertain).length;
  const [count, where] = video
    ? [quantity(faces.length, "row"), `of ${quantity(items[0].frames.length, "frame")}`]
    : [quantity(faces.length, "face"), `in ${quantity(items.length, "photo")}`];
  return `${count} ${where}${uncertain ? `, ${uncertain.toLocaleString("en")} uncertain` : ""}`;
}
