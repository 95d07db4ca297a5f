"""Clips with known persons for benchmarks/tracking.py: portraits on drawn bodies, people cut out of photos and a film.

A person is a head (a portrait of facial_expressions, another picture of the same person at each return where `vary`
says so) on a drawn body with hair and clothes of its own, or all that a photo or film shows of a person. Persons move
over photographed or drawn rooms, turn away, leave, cross, and are filmed by several cameras. The frames are compressed
as H.264. Every face that is visible for more than half is noted with its person and box.
"""

import functools
import re
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.faces.detectors import YuNet, load_detector

Array = NDArray[Any]
SIZE = (640, 360)  # width, height of a frame
HEAD = 112  # pixels of a portrait's side
BODY = (300, 380)  # width, height of a person with shoulders
SKIN = ((255, 224, 196), (241, 194, 160), (224, 172, 135), (198, 134, 100), (141, 96, 70), (230, 188, 160))
HAIR = ((25, 20, 18), (60, 40, 28), (110, 75, 45), (170, 130, 80), (120, 118, 115), (90, 45, 30))
WARDROBE = (
    *((25, 25, 28), (30, 36, 60), (70, 72, 76), (130, 132, 135), (235, 235, 232), (160, 190, 220), (150, 30, 35)),
    *((40, 90, 55), (95, 65, 45), (205, 185, 150), (215, 160, 60), (90, 60, 110), (200, 120, 140), (45, 110, 120)),
)
SCENARIOS = ("leave", "cross", "cuts", "crowd", "light", "uniform")
FACES = load_detector("auto")


@dataclass
class Person:
    """Somebody: pictures of a head, and a body; or whole cut-outs without a body."""

    heads: list[Array] = field(default_factory=list)
    """RGBA [h, w, 4] each."""
    boxes: list[Array] = field(default_factory=list)
    """The box of the face in each."""
    body: Array | None = None
    moving: bool = False
    """Whether the heads are the frames of a film."""


def _face(image: Array) -> Array | None:
    """Return the box of the only face."""
    assert isinstance(FACES, YuNet)
    found = FACES(np.ascontiguousarray(image))
    boxes = found.boxes[found.scores > 0.8] if found.scores is not None else found.boxes
    return boxes[0] if len(boxes) == 1 else None


def _ellipse(height: int, width: int, centre: tuple[float, float], axes: tuple[float, float], soft: float) -> Array:
    ys, xs = np.mgrid[:height, :width]
    far = np.hypot((xs / width - centre[0]) / axes[0], (ys / height - centre[1]) / axes[1])
    return np.clip((1 - far) / soft + 0.5, 0, 1).astype(np.float32)


def _body(rng: np.random.Generator, skin: Array, clothes: Array | None) -> tuple[Array, Array]:
    """Return a drawn body, RGBA, with hair behind the head; and the colour of its clothes."""
    width, height = BODY
    image = np.zeros((height, width, 4), np.float32)

    def paint(mask: Array, colour: Array) -> None:
        image[..., :3] = image[..., :3] * (1 - mask[..., None]) + colour * mask[..., None]
        image[..., 3] = np.maximum(image[..., 3], mask * 255)

    hair = np.array(HAIR[rng.integers(len(HAIR))], np.float32)
    long = rng.random() < 0.4
    cap = _ellipse(height, width, (0.5, 0.28 if long else 0.2), (0.23, 0.26 if long else 0.17), 0.05)
    paint(cap, hair + rng.normal(0, 9, (height, width, 1)).astype(np.float32))
    paint(_ellipse(height, width, (0.5, 0.46), (0.1, 0.2), 0.1), 0.85 * skin)
    one, two = (np.array(WARDROBE[k], np.float32) for k in rng.choice(len(WARDROBE), 2, replace=False))
    one = one if clothes is None else clothes
    xs = np.arange(width, dtype=np.float32)
    texture = np.broadcast_to(one, (height, width, 3)).copy()
    kind = "plain" if clothes is not None else rng.choice(["plain", "plain", "stripes", "jacket", "jacket"])
    if kind == "stripes":
        texture[:, (xs // int(rng.integers(6, 22))) % 2 == 0] = two
    if kind == "jacket":
        opening = np.abs(xs[None] - width / 2) < (height - np.arange(height)[:, None]) * 0.22
        texture[opening] = two
    texture *= (1.1 - 0.35 * np.abs(xs / width - 0.5))[None, :, None]
    texture += cv2.GaussianBlur(rng.normal(0, 30, (height, width, 1)).astype(np.float32), (0, 0), 3)[..., None]
    shoulders = np.maximum(
        _ellipse(height, width, (0.5, 0.72), (0.46, 0.2), 0.03), (np.arange(height) > 0.72 * height)[:, None] * 1.0
    ) * (np.abs(xs / width - 0.5) < 0.45)
    paint(shoulders.astype(np.float32), texture)
    return image, one


def _head(path: Path, skin: Array) -> Array | None:
    picture = Image.open(path).convert("RGB")
    if min(picture.size) < 80:
        return None
    side = max(picture.size)
    pixels = np.asarray(picture.resize((HEAD * picture.width // side, HEAD * picture.height // side)), np.float32)
    if np.abs(pixels[..., 0] - pixels[..., 2]).mean() < 4:  # grey ones get a skin
        pixels = pixels * skin / 235
    mask = _ellipse(*pixels.shape[:2], (0.5, 0.48), (0.48, 0.54), 0.12)
    return np.concatenate([pixels.clip(0, 255), 255 * mask[..., None]], axis=2).astype(np.float32)


def portraits(root: Path, rng: np.random.Generator, wanted: int) -> list[Person]:
    """Return persons of facial_expressions in any order, with up to six pictures each."""
    files = defaultdict[str, list[Path]](list)
    for path in sorted((root / "images").iterdir()):
        if name := re.fullmatch(r"(.+?)_?\d+", path.stem):
            files[name[1]].append(path)
    found = list[Person]()
    for name in rng.permutation(sorted(name for name, paths in files.items() if len(paths) > 1)):
        person, skin = Person(), np.array(SKIN[rng.integers(len(SKIN))], np.float32)
        for path in rng.permutation(np.array(files[name], object))[:12]:
            head = _head(path, skin)
            if head is None or len(person.heads) == 6:
                continue
            canvas = np.full((240, 240, 3), 128, np.uint8)
            canvas[60 : 60 + head.shape[0], 60 : 60 + head.shape[1]] = head[..., :3]
            if (box := _face(canvas)) is not None:
                person.heads.append(head)
                person.boxes.append(box - np.array([60, 60, 0, 0], np.float32))
        if len(person.heads) > 1:
            person.body = skin  # until it is dressed
            found.append(person)
        if len(found) == wanted:
            break
    return found


def cut_outs(photos: Path) -> list[Person]:
    """Return the persons of photos who can be cut out with their shoulders and without another face."""
    found = list[Person]()
    for path in sorted(photos.glob("*.jpg")):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        boxes = FACES(pixels).boxes
        for box in boxes:
            x, y, w, h = box
            left, top, right, bottom = x - 0.7 * w, y - 0.6 * h, x + 1.7 * w, y + 2.2 * h
            if min(w, h) < 40 or left < 0 or top < 0 or right > pixels.shape[1] or bottom > pixels.shape[0]:
                continue
            crop = pixels[int(top) : int(bottom), int(left) : int(right)].astype(np.float32)
            scale = HEAD * 0.7 / h
            crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            mask = _ellipse(*crop.shape[:2], (0.5, 0.5), (0.5, 0.5), 0.12)
            if (face := _face(crop.clip(0, 255).astype(np.uint8))) is not None:
                found.append(Person([np.concatenate([crop, 255 * mask[..., None]], axis=2)], [face]))
    return found


def film(path: Path) -> Person:
    """Return the person of a film, cut out of each frame."""
    person = Person(moving=True)
    with av.open(str(path)) as file:
        for number, frame in enumerate(file.decode(video=0)):
            pixels = frame.to_ndarray(format="rgb24")
            box = _face(pixels)
            if number % 2 or box is None:
                continue
            x, y, w, h = box
            left, top = max(0, int(x - 1.1 * w)), max(0, int(y - 0.6 * h))
            crop = pixels[top : int(y + 2.6 * h), left : int(x + 2.3 * w)].astype(np.float32)
            scale = HEAD * 0.7 / h
            crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            mask = _ellipse(*crop.shape[:2], (0.5, 0.5), (0.52, 0.55), 0.12)
            person.heads.append(np.concatenate([crop, 255 * mask[..., None]], axis=2))
            person.boxes.append((box - np.array([left, top, 0, 0])) * scale)
    return person


@functools.cache
def _rooms(photos: Path) -> list[Array]:
    rooms = []
    for path in sorted(photos.glob("*.jpg")):
        room = cv2.resize(np.asarray(Image.open(path).convert("RGB")), (900, 560), interpolation=cv2.INTER_AREA)
        rooms.append(cv2.GaussianBlur(room, (0, 0), 12).astype(np.float32))  # nobody is left in it
    return rooms


def _room(rng: np.random.Generator, photos: Path) -> Array:
    """Return a background somewhat larger than a frame."""
    if rng.random() < 0.75:
        room = _rooms(photos)[rng.integers(len(_rooms(photos)))]
        return room[:, ::-1] if rng.random() < 0.5 else room
    room = np.ones((560, 900, 3), np.float32) * rng.uniform(60, 220, 3).astype(np.float32)
    for _ in range(int(rng.integers(4, 14))):
        (x, y), (w, h) = rng.integers(0, 800, 2).tolist(), rng.integers(40, 260, 2).tolist()
        cv2.rectangle(room, (x, y), (x + w, y + h), rng.uniform(20, 240, 3).tolist(), -1)
    return cv2.GaussianBlur(room, (0, 0), 4)


@dataclass
class Script:
    """Who is where, when; T frames, n persons."""

    place: Array
    """[T, n, 3]: x and y of the face, in widths and heights of a frame, and its height in pixels; NaN: not there."""
    visit: Array
    """int [T, n]: how often the person has come before; picks the picture."""
    turned: Array
    """bool [T, n]: the person looks away."""
    camera: Array
    """int [T]"""
    light: Array
    """[T, 3]: factor of each channel."""


def write_script(rng: np.random.Generator, scenario: str, n: int, seconds: float, rate: int) -> Script:
    frames = int(seconds * rate)
    t = np.arange(frames) / rate
    place = np.full((frames, n, 3), np.nan, np.float32)
    visit, turned = np.zeros((frames, n), int), np.zeros((frames, n), bool)
    order = rng.permutation(n)
    for who in range(n):
        seat = np.array([(order[who] + 0.5 + rng.uniform(-0.15, 0.15)) / n, rng.uniform(0.33, 0.42)])
        height = rng.uniform(0.85, 1.15) * min(110, 330 / n)
        begin, clock, visits = 0.0, 0.0, 0
        if scenario in ("crowd", "leave", "light") and rng.random() < 0.4 and who:
            clock = rng.uniform(2, seconds / 3)  # comes later
        while clock < seconds:
            stay = rng.exponential(14) + 3 if scenario != "cross" else rng.exponential(25) + 8
            away = float(np.exp(rng.uniform(0, np.log(60))))  # 1 to 60 s
            begin, end = clock, min(clock + stay, seconds)
            if scenario in ("cuts", "uniform") and rng.random() < 0.6:
                end = seconds
            side = rng.choice([-0.25, 1.25])
            inside = (t >= begin) & (t < end)
            phase, speed = rng.uniform(0, 6, 4), rng.uniform(0.2, 0.9, 4)
            sway = np.stack([np.sin(t * speed[k] * 2 + phase[k]) for k in range(4)], 1)
            x = seat[0] + 0.02 * sway[:, 0]
            if scenario == "cross":  # walks to and fro
                x = 0.5 + 0.4 * np.sin(t * rng.uniform(0.25, 0.6) + rng.uniform(0, 6))
            walk = 1.2
            for edge, forward in ((begin, True), (end, False)):
                if edge in (0.0, seconds):
                    continue
                share = ((t - edge) if forward else (edge - t)) / walk
                share = np.clip(share, 0, 1)
                x = x * share + side * (1 - share)
            place[inside, who, 0] = x[inside]
            place[inside, who, 1] = (seat[1] + 0.015 * sway[:, 1])[inside]
            place[inside, who, 2] = height * (1 + 0.06 * sway[inside, 2])
            visit[inside, who] = visits
            while rng.random() < 0.5:  # looks away for a moment
                moment = rng.uniform(begin, end)
                turned[(t > moment) & (t < moment + rng.uniform(0.4, 5)), who] = True
            clock, visits = end + away, visits + 1
            if rng.random() < 0.5:
                seat[0] = rng.uniform(0.12, 0.88)
    camera = np.zeros(frames, int)
    if scenario in ("cuts", "uniform"):
        clock, now = 0.0, 0
        while clock < seconds:
            camera[t >= clock] = now
            clock += rng.uniform(1.5, 9)
            now = int(rng.choice([k for k in range(n + 1) if k != now]))  # 0: all; k: only the k-th person
    light = np.ones((frames, 3), np.float32)
    if scenario == "light" or rng.random() < 0.3:
        for _ in range(4):
            step, change = rng.uniform(0, seconds), np.exp(rng.normal(0, 0.28)) * np.exp(rng.normal(0, 0.08, 3))
            light *= 1 + (change - 1) / (1 + np.exp(np.clip((step - t)[:, None] * rng.choice([0.5, 8]), -50, 50)))
    return Script(place, visit, turned, camera, light.clip(0.35, 1.7).astype(np.float32))


def _put(frame: Array, sprite: Array, matrix: Array) -> Array:
    """Lay a sprite over a frame; return where it covers it [h, w]."""
    height, width = sprite.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ matrix[:, :2].T + matrix[:, 2]
    (x0, y0), (x1, y1) = np.maximum(corners.min(0), 0).astype(int), np.minimum(corners.max(0) + 1, SIZE).astype(int)
    cover = np.zeros(SIZE[::-1], np.float32)
    if x1 > x0 and y1 > y0:
        moved = matrix - np.array([[0, 0, x0], [0, 0, y0]])
        warped = cv2.warpAffine(sprite, moved, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
        mask = warped[..., 3:] / np.float32(255)
        part = frame[y0:y1, x0:x1]
        part += (warped[..., :3] - part) * mask
        cover[y0:y1, x0:x1] = mask[..., 0]
    return cover


def write_clip(
    path: Path, persons: list[Person], photos: Path, *, scenario: str, seed: int, seconds: float, rate: int, vary: float
) -> None:
    """Write a clip, and PATH.npz with `frame`, `person` and `box` of each visible face.

    Args:
        persons: who is in it.
        vary: how often a person who returns has another picture.
    """
    rng, n = np.random.default_rng([seed, SCENARIOS.index(scenario)]), len(persons)
    script = write_script(rng, scenario, n, seconds, rate)
    clothes, bodies = None, []
    for person in persons:
        body = None
        if person.body is not None:
            body, worn = _body(rng, person.body, clothes)
            clothes = worn if scenario == "uniform" else None
        bodies.append(body)
    shown = np.zeros((n, 200), int)  # the picture of each visit
    for who, person in enumerate(persons):
        now = int(rng.integers(len(person.heads)))
        for number in range(200):
            shown[who, number] = now
            if rng.random() < vary:
                now = int(rng.integers(len(person.heads)))
    rooms = [_room(rng, photos) for _ in range(n + 1)]
    offsets, close = rng.uniform(0, 190, (n + 1, 2)), rng.uniform((0.3, 0.36, 95), (0.7, 0.46, 150), (n + 1, 3))
    grain = rng.normal(0, 3, (5, SIZE[1], SIZE[0], 1)).astype(np.float32)
    phase, notes = rng.uniform(0, 6, (n, 4)), []
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "24"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        for number in range(len(script.place)):
            t, camera = number / rate, int(script.camera[number])
            if camera and np.isnan(script.place[number, camera - 1, 0]):
                camera = 0
            jitter = offsets[camera] + 2 * np.sin([0.7 * t, 0.9 * t])
            left, top = max(0, int(jitter[0])), max(0, int(jitter[1]))
            frame = rooms[camera][top : top + SIZE[1], left : left + SIZE[0]].copy()
            there = [who for who in range(n) if not np.isnan(script.place[number, who, 0])]
            if camera:
                there = [camera - 1]
            there.sort(key=lambda who: script.place[number, who, 2])  # the nearest last
            faces, covers = [], []
            for who in there:
                person, (x, y, height) = persons[who], script.place[number, who]
                if camera:
                    x, y = close[camera, :2] + 0.5 * (np.array([x, y]) - np.nanmean(script.place[:, who, :2], axis=0))
                    height = close[camera, 2]
                index = shown[who, script.visit[number, who]]
                if person.moving:
                    index = abs((number * 25 // rate // 2) % (2 * len(person.heads) - 2) - len(person.heads) + 1)
                head, box = person.heads[index], person.boxes[index]
                scale, centre = height / box[3], np.array([x * SIZE[0], y * SIZE[1]])
                a, b, c = np.sin(t * np.array([0.9, 0.6, 1.3]) + phase[who, :3])
                angle, squeeze = np.radians((3 if bodies[who] is None else 9) * a), 1 - 0.1 * (b + 1)
                turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
                turn = turn @ np.diag([squeeze, 1.0])
                middle = box[:2] + box[2:] / 2
                matrix = np.c_[turn, centre + scale * 3 * np.array([c, a]) - turn @ middle]
                cover = np.zeros(SIZE[::-1], np.float32)
                body = bodies[who]
                if body is not None:
                    flat = scale * np.eye(2)
                    cover = _put(frame, body, np.c_[flat, centre - flat @ np.array([BODY[0] / 2, BODY[1] * 0.25])])
                if script.turned[number, who]:
                    head = np.concatenate([np.full_like(head[..., :3], 50), head[..., 3:]], axis=2)
                cover = np.maximum(cover, _put(frame, head, matrix))
                corners = np.array([[box[0] + dx * box[2], box[1] + dy * box[3]] for dx in (0, 1) for dy in (0, 1)])
                corners = corners @ matrix[:, :2].T + matrix[:, 2]
                low, high = corners.min(axis=0), corners.max(axis=0)
                faces.append((who, np.concatenate([low, high - low])))
                covers.append(cover)
            for k, (who, box) in enumerate(faces):
                x0, y0 = np.maximum(box[:2], 0).astype(int)
                x1, y1 = np.minimum(box[:2] + box[2:], SIZE).astype(int)
                area = max(0, x1 - x0) * max(0, y1 - y0)
                hidden = sum(
                    (cover[y0:y1, x0:x1] > 0.5).sum() if area else 0 for cover in covers[k + 1 :]
                )  # by those before it
                if not script.turned[number, who] and area - hidden > 0.5 * box[2] * box[3]:
                    notes.append((number, who, *box))
            frame *= script.light[number]
            frame += grain[number % len(grain)]
            pixels = cv2.convertScaleAbs(np.maximum(frame, 0))
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, rate)
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    rows = np.array(notes, np.float32).reshape(-1, 6)
    np.savez(path.with_suffix(".npz"), frame=rows[:, 0].astype(int), person=rows[:, 1].astype(int), box=rows[:, 2:])


HEADCOUNT = {"leave": (1, 3), "cross": (2, 4), "cuts": (2, 4), "crowd": (5, 6), "light": (2, 3), "uniform": (2, 4)}


def write_clips(
    out: Path, *, portraits_at: Path, photos: Path, video: Path, seeds: int, seconds: float, rate: int
) -> list[tuple[Path, str, int]]:
    """Write a clip per half of the persons, scenario and seed, unless it is there; return path, scenario and half.

    In clips of even seeds, half of the times a person who returns has another picture.
    """
    clips = [
        (out / f"{scenario}-{half}-{seed}.mp4", scenario, half)
        for seed in range(seeds)
        for scenario in SCENARIOS
        for half in (0, 1)
    ]
    if all(path.with_suffix(".npz").exists() for path, _, _ in clips):
        return clips
    out.mkdir(parents=True, exist_ok=True)
    drawn, photographed = portraits(portraits_at, np.random.default_rng(0), 60), cut_outs(photos)
    halves = [drawn[half::2] + photographed[half::2] for half in (0, 1)]
    halves[1].append(film(video))
    for path, scenario, half in clips:
        if not path.with_suffix(".npz").exists():
            seed = int(path.stem.split("-")[-1])
            rng, (least, most) = np.random.default_rng([seed, half, len(scenario)]), HEADCOUNT[scenario]
            among = halves[half] if scenario != "uniform" else [one for one in halves[half] if one.body is not None]
            chosen = rng.choice(len(among), int(rng.integers(least, most + 1)), replace=False)
            write_clip(
                path,
                [among[k] for k in chosen],
                photos,
                scenario=scenario,
                seed=2 * seed + half,
                seconds=seconds,
                rate=rate,
                vary=0.0 if seed % 2 else 0.5,
            )
    return clips
