"""Recognition in the browser: milliseconds, memory over many pictures, and how far its answers are from Python's.

    python benchmarks/browser.py --photos photos/ --faces fer2013/
    python benchmarks/browser.py --pictures 100

Needs Chromium and onnxruntime-web (hatch_build.py). Times are of one thread, in the page itself: a search of YuNet in
images of three sizes, the network on 1 and on 32 crops, and calls of the engine, which decodes in its worker. Memory is
what the renderer holds (RSS), after each tenth of the pictures. Each photo is compared as it is and as a PNG file of
the pixels that Python reads: the decoders of JPEG differ. `--faces` compares the network alone on FER2013's PublicTest.

Last result (2026-11-27, 2 cores of an AMD EPYC with AVX-512 VNNI, Chromium 156, the bundled 8-bit model; mean and
standard deviation, n = 100): YuNet 10.3 (2.8) ms at 320 x 256, 32.3 (2.2) at 640 x 480, 41.8 (1.8) at 640 x 640; a face
6.7 (0.2) ms alone, 6.4 (0.2) of 32; a photo of shared/photos, decoded and recognised, 141 (261) ms (n = 32). The
network on PublicTest's 3,589 faces: the same expression on all, probabilities off by at most 6.7e-6. 16 photos with 73
faces, as JPEG and as PNG: the same boxes, probabilities off by at most 1e-6. The renderer has 592 MB at the begin and
634 MB after 1,000 pictures, 666 MB at most.
"""

import argparse
import json
import os
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from mien import Recognizer, datasets
from mien.core import images
from mien.datasets import DataSpec, ImageSpec
from mien.models.session import Session, softmax
from mien.page.files import page_files
from tests.page.browsing import BLANK, chromium, open_engine, served
from tests.serving.running import png

TIMES = """async ([sizes, repeats]) => {
  const facts = await (await fetch("model.json")).json();
  const ort = await import("./ort/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("ort/", location.href).href;
  const { Recognizer } = await import("./recognizer.js");
  const open = async (name, options) =>
    ort.InferenceSession.create(new Uint8Array(await (await fetch(name)).arrayBuffer()), options);
  const detector = await open("yunet.onnx", { enableMemPattern: false });
  const network = await open("model.onnx", {});
  const tensor = (numbers, shape) => new ort.Tensor("float32", numbers, shape);
  const { detector: yunet } = new Recognizer(detector, network, facts, tensor);
  const timed = async (work) => {
    const found = [];
    for (let k = 0; k < repeats + 10; k++) {
      const began = performance.now();
      await work();
      found.push(performance.now() - began);
    }
    return found.slice(10);
  };
  const bitmap = await createImageBitmap(await (await fetch("photo.png")).blob());
  const result = {};
  for (const [width, height] of sizes) {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0, width, height);
    const source = { ...{ width, height, channels: 4 }, data: context.getImageData(0, 0, width, height).data };
    result[`YuNet, ${width} x ${height}`] = await timed(() => yunet.find(source, null));
  }
  for (const n of [1, 32]) {
    const { size, name } = facts.input;
    const crops = tensor(new Float32Array(n * size * size).fill(0.1), [n, 1, size, size]);
    const all = await timed(() => network.run({ [name]: crops }, [facts.output.name]));
    result[`a face, ${n} at a time`] = all.map((one) => one / n);
  }
  window.network = (numbers, n) => {
    const { size, name } = facts.input;
    return network.run({ [name]: tensor(numbers, [n, 1, size, size]) }, [facts.output.name]);
  };
  return result;
}"""

LOGITS = """async ([name, n]) => {
  const numbers = new Float32Array(await (await fetch(name)).arrayBuffer());
  const [rows, each] = [[], numbers.length / n];
  for (let start = 0; start < n; start += 32) {
    const count = Math.min(32, n - start);
    const found = await window.network(numbers.slice(start * each, (start + count) * each), count);
    rows.push(...Object.values(found)[0].data);
  }
  return rows;
}"""

ASK = """async (name) => {
  const blob = await (await fetch(name)).blob();
  return JSON.stringify(await window.engine.recognise(blob));
}"""


def renderers() -> int:
    """Return the bytes that the renderers of our browser hold."""
    parents, total = dict[int, int](), 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process]))

    for process in filter(ours, parents):
        folder = Path("/proc", str(process))
        if b"--type=renderer" in (folder / "cmdline").read_bytes():
            total += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def line(numbers: list[float]) -> str:
    return f"{statistics.mean(numbers):7.2f} ms, sd {statistics.stdev(numbers):.2f}, n = {len(numbers)}"


def compare(kind: str, found: list[Any], expected: list[Any]) -> None:
    """Print how far the faces of photos, found in the browser, are from Python's."""
    alike = [(one, other) for one, other in zip(found, expected, strict=True) if len(one) == len(other)]
    pairs = [pair for one, other in alike for pair in zip(one, other, strict=True)]
    boxes = [float(np.abs(np.subtract(one["box"], other["box"])).max()) for one, other in pairs]
    apart = np.array(
        [max(abs(one["probabilities"][k] - p) for k, p in other["probabilities"].items()) for one, other in pairs]
    )
    same = sum(one["expression"] == other["expression"] for one, other in pairs)
    print(
        f"{kind}: {len(alike)} of {len(found)} photos with as many faces; {len(pairs)} faces, box off by at most "
        f"{max(boxes):g} pixels, probability by mean {apart.mean():.2g}, at most {apart.max():.2g}, above 1e-4 in "
        f"{(apart > 1e-4).sum()}; same expression {same}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder; by default one photo that scikit-image carries")
    parser.add_argument("--most", type=int, default=300, help="photos to compare")
    parser.add_argument("--faces", type=Path, help="FER2013")
    parser.add_argument("--pictures", type=int, default=1000, help="for the memory")
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    spec = find_spec("skimage")
    astronaut = Path(str(spec and spec.origin)).parent / "data/astronaut.png"
    paths = sorted(options.photos.rglob("*.jpg"))[: options.most] if options.photos else [astronaut]
    session = Session("default", threads=1)
    files: dict[str, bytes | Path] = page_files(session) | BLANK
    files |= {"photo.png": png(images.load(paths[0]))}
    files |= {f"photos/{k}{path.suffix}": path for k, path in enumerate(paths)}
    with chromium() as browser, served(files) as address:
        began = time.perf_counter()
        page = open_engine(browser, address)
        print(f"Chromium {browser.version}; engine loaded in {time.perf_counter() - began:.2f} s")
        for name, numbers in page.evaluate(TIMES, [[[320, 256], [640, 480], [640, 640]], options.repeats]).items():
            print(f"{name}: {line(numbers)}")
        if options.faces:
            crops = datasets.read(DataSpec(options.faces, "validation"), ImageSpec(48, 1)).images
            files["crops"] = images.scale(crops, session.info.mean, session.info.std).tobytes()
            found = np.array(page.evaluate(LOGITS, ["crops", len(crops)]), np.float32).reshape(len(crops), -1)
            expected = session.logits(crops)
            apart = np.abs(softmax(session.info.calibrate_logits(found)) - session.probabilities(crops)).max(axis=1)
            same = int((found.argmax(axis=1) == expected.argmax(axis=1)).sum())
            print(
                f"the network on {len(crops)} faces of PublicTest: same expression {same}, equal logits "
                f"{(found == expected).all(axis=1).sum()}, probability off by at most {apart.max():.2g}"
            )
        recognizer = Recognizer(threads=1)
        asked: dict[str, list[Any]] = {"JPEG": [], "PNG": []}
        expected, milliseconds = [], list[float]()
        for k, path in enumerate(paths):
            pixels = images.load(path)
            expected.append(recognizer(pixels).to_dicts())
            files["pixels.png"] = png(pixels)
            for kind, name in (("JPEG", f"photos/{k}{path.suffix}"), ("PNG", "pixels.png")):
                answer = json.loads(page.evaluate(ASK, name))
                asked[kind].append(answer["faces"])
                milliseconds.append(answer["milliseconds"])
        for kind, answers in asked.items():
            compare(kind, answers, expected)
        if len(paths) > 1:
            print(f"a photo, decoded and recognised: {line(milliseconds)}")
        held = [renderers()]
        for step in range(options.pictures):
            page.evaluate(ASK, f"photos/{step % len(paths)}{paths[step % len(paths)].suffix}")
            if (step + 1) % max(1, options.pictures // 10) == 0:
                held.append(renderers())
        print(f"memory of the renderer over {options.pictures} pictures, MB: {[round(one / 1e6) for one in held]}")


if __name__ == "__main__":
    main()
