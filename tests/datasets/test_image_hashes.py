"""ImageHashes: copies are recognised without their images, other faces are not."""

import hashlib
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.core.errors import InputError
from mien.datasets.image_hashes import NEAR, ImageHashes, hash_images, load_hashes, save_hashes, seen
from mien.evaluation.provenance import bundled_record
from mien.models.bundled import ASSETS, bundled
from mien.recipes.run_record import HASHES

Images = NDArray[np.uint8]


def scenes(count: int, *, seed: int = 0, side: int = 48) -> Images:
    """Return smooth random images, each as textured as a face: uint8 [count, side, side]."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 7, 7), dtype=np.uint8)
    large = [np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) for one in coarse]
    return np.array(large, dtype=np.uint8).reshape(count, side, side)


def resized(image: Images, side: int) -> Images:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS))


def jpeg(image: Images) -> Images:
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


CHANGES: dict[str, Callable[[Images], Images]] = {
    "the same": lambda image: image,
    "mirrored": lambda image: image[:, ::-1],
    "recompressed": jpeg,
    "enlarged": lambda image: resized(image, 96),
    "through another size": lambda image: resized(resized(image, 112), 48),
    "in colour": lambda image: np.repeat(image[..., None], 3, axis=2),
    "brighter": lambda image: np.minimum(image, 225) + np.uint8(30),
    "less contrast": lambda image: image // 2 + np.uint8(64),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_seen_and_another_image_is_not(change: str) -> None:
    known, others = scenes(200), scenes(200, seed=1)
    changed = np.stack([CHANGES[change](image) for image in known[::10]])
    assert seen(changed, hash_images(known)).all()
    assert not seen(others, hash_images(known)).any()


def test_an_image_without_texture_is_seen_where_its_very_pixels_are() -> None:
    flat = np.stack([np.full((48, 48), value, np.uint8) for value in (0, 90, 91)])
    assert seen(flat, hash_images(flat[:2])).tolist() == [True, True, False]


def test_nothing_is_seen_where_nothing_is_known() -> None:
    assert not seen(scenes(3), hash_images(scenes(0))).any()
    assert seen(scenes(0), hash_images(scenes(3))).shape == (0,)


def test_many_are_looked_for_among_many_in_little_time() -> None:
    rng = np.random.default_rng(0)
    images = scenes(2000)
    known: ImageHashes = rng.integers(0, 2**63, (30_000, 2), dtype=np.uint64)
    known[-1] = hash_images(images[:1])[0]
    start = time.process_time()
    assert np.flatnonzero(seen(images, known)).tolist() == [0]
    assert time.process_time() - start < 5  # 0.3 s on one core


def test_prints_are_read_as_they_were_written_each_once(tmp_path: Path) -> None:
    path, known = tmp_path / HASHES, hash_images(scenes(5))
    save_hashes(path, np.concatenate([known, known]))
    found = load_hashes(path)
    assert found is not None
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, known.tolist()))
    np.savez(path, version=0, prints=known)
    assert load_hashes(path) is None  # another version of mien made other hashes


@pytest.mark.parametrize("damage", ["junk", "cut", "shape", "type", "objects", "names", "folder"])
def test_a_damaged_file_is_one_line(tmp_path: Path, damage: str) -> None:
    path, known = tmp_path / HASHES, hash_images(scenes(5))
    save_hashes(path, known)
    if damage == "folder":
        path.unlink()
        path.mkdir()
    elif damage in ("junk", "cut"):
        path.write_bytes(b"junk" if damage == "junk" else path.read_bytes()[:-40])
    else:
        wrong = {"shape": known.T, "type": known.astype(float), "objects": known.astype(object), "names": known}
        np.savez(path, allow_pickle=True, version=1, **{"other" if damage == "names" else "prints": wrong[damage]})
    with pytest.raises(InputError, match=r"training_faces\.npz: (damaged|cannot be read)") as caught:
        load_hashes(path)
    assert "\n" not in str(caught.value)


def test_the_hashes_of_the_bundled_models() -> None:
    """Written by benchmarks/image_hashes.py --write, of `default`; of `small` only photos' crops differ."""
    content = (ASSETS / HASHES).read_bytes()
    assert hashlib.sha256(content).hexdigest() == "f71fb243333d49b81169c1aaab8d6be8c262d83360395023017a076a75a07e50"
    assert len(content) < 600_000
    known = load_hashes(ASSETS / HASHES)
    assert known is not None
    first, *others = (bundled_record(name).data.splits["train"].sources[:2] for name in bundled())
    assert all(one == first for one in others)  # FER2013's labels and votes
    assert not seen(scenes(500), known).any()
    assert NEAR < 64


def test_equal_pixels_have_equal_prints_in_any_company() -> None:
    """Drawings of a few blocks have waves that cancel out: rounding would decide their signs."""
    blocks = np.zeros((16, 4, 4), np.uint8)
    blocks.reshape(16, 16)[np.arange(16), np.arange(16)] = 255
    images = blocks.repeat(12, axis=1).repeat(12, axis=2)
    together = hash_images(images)
    assert np.array_equal(together, np.concatenate([hash_images(images[row : row + 1]) for row in range(16)]))
    assert seen(images[:, :, ::-1], together[5:6]).nonzero()[0].tolist() == [
        5,
        6,
    ]  # each is the mirror image of the other
