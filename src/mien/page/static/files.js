// What was dropped, chosen or pasted, as a list of { file, name, kind }: photos and videos, folders searched to the bottom.

const MOST_PASSED = 200; // names that are kept of files that are neither

const suffix = (name) => /\.[^.\/]+$/.exec(name)?.[0].toLowerCase() ?? "";

/** Sorts files out by the suffixes that page.json gives. */
export class Sorter {
  constructor({ photos, videos }) {
    this.photos = new Set(photos);
    this.videos = new Set(videos);
  }

  /** "photo", "video", or "" where neither the name nor the type says so. */
  kind(file) {
    const end = suffix(file.name);
    if (this.videos.has(end)) return "video";
    if (this.photos.has(end)) return "photo";
    return /^(photo|video)/.exec(file.type.replace("image/", "photo/"))?.[0] ?? "";
  }

  /** What is read of files of a folder: photos and videos that are not hidden. What is passed over is counted. */
  folder(files) {
    const found = { entries: [], passed: 0, unreadable: [] };
    for (const { file, name } of files) {
      if (name.split("/").some((part) => part.startsWith("."))) continue;
      const kind = this.kind(file);
      if (kind) found.entries.push({ file, name, kind });
      else found.passed++;
    }
    return ordered(found);
  }

  /** Files that were chosen one by one: all of them are tried, as photos where nothing says what they are. */
  chosen(files) {
    const entries = [...files].map((file) => ({ file, name: file.name, kind: this.kind(file) || "photo" }));
    return ordered({ entries, passed: 0, unreadable: [] });
  }

  /** What a file input for a folder has. */
  fromFolderInput(files) {
    return this.folder([...files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
  }

  /** What was dropped: files are tried, folders searched. Must be called in the handler of the event. */
  dropped(transfer) {
    const items = [...transfer.items].filter((item) => item.kind === "file");
    const inside = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...transfer.files]; // gone once the handler has returned
    return this.#walk(inside, files);
  }

  async #walk(roots, files) {
    if (!roots.length) return this.chosen(files);
    const loose = [], inside = [], unreadable = [];
    for (const root of roots) {
      if (root.isDirectory) await walk(root, inside, unreadable);
      else await open(root, loose, unreadable);
    }
    const found = this.folder(inside), single = this.chosen(loose.map(({ file }) => file));
    return ordered({
      entries: [...single.entries, ...found.entries],
      passed: found.passed,
      unreadable: unreadable.slice(0, MOST_PASSED),
    });
  }
}

/** Add the files below a folder to a list. */
async function walk(folder, found, unreadable) {
  const reader = folder.createReader();
  try {
    for (;;) { // at most 100 come at a time
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) return;
      for (const one of some) await (one.isDirectory ? walk : open)(one, found, unreadable);
    }
  } catch {
    unreadable.push(folder.fullPath.slice(1));
  }
}

async function open(entry, found, unreadable) {
  const name = entry.fullPath.slice(1);
  try {
    found.push({ file: await new Promise((done, fail) => entry.file(done, fail)), name });
  } catch {
    unreadable.push(name);
  }
}

function ordered(found) {
  const { compare } = new Intl.Collator("en", { numeric: true });
  found.entries.sort((one, other) => compare(one.name, other.name));
  return found;
}
