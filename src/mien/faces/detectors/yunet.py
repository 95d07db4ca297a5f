"""YuNet, the detector in the package."""

from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError
from mien.faces.detectors.detector import Detections, clip_boxes, rescale, suppress
from mien.faces.detectors.yunet_network import OVERLAP, YuNetNetwork

BUNDLED = Path(__file__).parents[2] / "assets" / "yunet" / "yunet.onnx"  # hatch_build.py writes it


class YuNet:
    """YuNet (Wu, Peng, Yu 2023, doi:10.1007/s11633-023-1423-y), larger faces first. Safe to share between threads.

    It knows faces of about 10 to 300 pixels. So an image is searched as a whole, its longer side at most 640 pixels,
    and where `min_face` wants smaller faces also at larger sizes, in tiles that overlap. Where the whole has none,
    it is searched at half that size, for a face that fills the image; a small image at twice its size instead.

    Args:
        path: face_detection_yunet_*.onnx of the OpenCV Zoo, of 2023 or later; None: the one in the package.
        threads: how many cores one search may use; None leaves it to onnxruntime (all of them).
        min_face: pixels of the longer side of the smallest faces that are searched for in images of any size; None
            searches the whole only, where faces have at least about a sixtieth of the image's longer side.

    Raises:
        InputError: there is no such file, it is not a YuNet, or `min_face` is below 4.

    Example:
        >>> YuNet()(np.zeros((100, 100), np.uint8)).boxes.shape
        (0, 4)
    """

    name = "yunet"
    LONGEST = 640  # pixels of the longer side of a search, whole or tile
    SMALLEST = 8  # pixels of the shorter side of a search
    FACE, LEAST = 20, 16  # pixels that faces of `min_face` get in a search of their own; that spare it
    STEP = 4  # from one size to the next smaller one
    SHARED = 96  # pixels that neighbouring tiles share; larger faces are left to the next smaller size,
    AGAIN = 0.8  # which looks at faces from this share of them on, so that none falls between
    SURE = 0.75  # the least score in a tile: tiles have far more places for a false face than the whole

    def __init__(self, path: Path | None = None, *, threads: int | None = None, min_face: float | None = None) -> None:
        if path is None and not BUNDLED.is_file():
            raise InputError(f"{BUNDLED}: not there; it comes with the build of mien: pip install --editable CHECKOUT")
        if min_face is not None and not min_face >= 4:
            raise InputError(f"min_face {min_face:g}: expected at least 4 pixels")
        self.path, self.threads, self.min_face = path, threads, min_face
        self._network = YuNetNetwork(path or BUNDLED, threads=threads)
        self._size = self._network.size or (self.LONGEST, self.LONGEST)

    def with_min_face(self, min_face: float | None) -> Self:
        """Return the same detector, with the same open network, for other faces."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), min_face=min_face)
        return other

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path and self.path.resolve(), "threads": self.threads, "min_face": self.min_face}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __call__(self, image: images.Pixels, /) -> Detections:
        height, width = image.shape[:2]
        fit = min(self._size[0] / width, self._size[1] / height)
        whole = min(1.0, fit)
        found, least = list[NDArray[np.float32]](), 0.0  # pixels of the faces that are left to smaller sizes
        for factor in self._larger(whole, min(height, width)):
            faces = self._search_tiles(image, factor)
            found.append(faces[faces[:, 2:4].max(axis=1) >= least])
            least = self.AGAIN * self.SHARED / factor
        faces = self._search(image, whole)
        if not len(faces):
            faces = self._search(image, whole * 2 if fit >= 2 else whole / 2)
        found.append(faces[faces[:, 2:4].max(axis=1) >= least])
        faces = merge(np.concatenate(found)) if len(found) > 1 else faces
        boxes = clip_boxes(faces[:, :4], width, height)
        order = np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")
        order = order[(boxes[order, 2:] > 0).all(axis=1)]
        return Detections(boxes[order], faces[order, 14], faces[order, 4:14].reshape(-1, 5, 2))

    def _larger(self, whole: float, shorter: int) -> Iterator[float]:
        """Yield the factors of the image's sides for the searches in tiles, the largest first.

        None where its shorter side, in pixels, becomes too short for a search: it may take millions of tiles.
        """
        factor = 0.0 if self.min_face is None else self.FACE / self.min_face
        while factor > whole * self.FACE / self.LEAST and round(shorter * factor) >= self.SMALLEST:
            yield factor
            factor /= self.STEP

    def _search_tiles(self, image: images.Pixels, factor: float) -> NDArray[np.float32]:
        """As `_search`, in overlapping tiles: faces that fit into what tiles share, each of the tile that shows all of
        it."""
        shared = self.SHARED / factor
        sides = [int(side / factor) for side in self._size]
        columns, rows = (
            spread(length, side, round(shared)) for length, side in zip(image.shape[1::-1], sides, strict=True)
        )
        found = []
        for (top, *of_rows), (left, *of_columns) in product(rows, columns):
            faces = self._search(image[top : top + sides[1], left : left + sides[0]], factor)
            faces[:, [0, 4, 6, 8, 10, 12]] += left
            faces[:, [1, 5, 7, 9, 11, 13]] += top
            begin, end = zip(of_columns, of_rows, strict=True)
            middle = faces[:, :2] + faces[:, 2:4] / 2
            own = ((middle >= begin) & (middle < end) & (faces[:, 2:4] <= shared)).all(axis=1)
            found.append(faces[own & (faces[:, 14] >= self.SURE)])
        return np.concatenate(found)

    def _search(self, image: images.Pixels, factor: float) -> NDArray[np.float32]:
        """Return float32 [n, 15], box, landmarks, score, in pixels of the image, whose sides are multiplied first."""
        searched = rescale(image, factor)
        height, width = searched.shape[:2]
        if min(height, width) < self.SMALLEST:
            return np.zeros((0, 15), np.float32)
        found = self._network(searched)
        scale = [image.shape[1] / width, image.shape[0] / height] * 7
        return np.asarray(found * [*scale, 1], dtype=np.float32)


def merge(faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the faces [n, 15] of searches at several sizes, each face once: that of the highest score."""
    faces = faces[np.argsort(-faces[:, 14], kind="stable")]
    return faces[suppress(faces[:, :4], OVERLAP)]


def spread(length: int, side: int, shared: int) -> list[tuple[int, float, float]]:
    """Return where tiles of a side start that cover a length and share at least `shared` pixels with the next, and
    from where to where the middle of a tile is nearer than that of another one.

    Example:
        >>> spread(1000, 600, 100)
        [(0, -inf, 500.0), (400, 500.0, inf)]
    """
    count = 1 if length <= side else -(-(length - shared) // (side - shared))
    starts = np.linspace(0, max(0, length - side), count).round().astype(int).tolist()
    ends = [(one + other + side) / 2 for one, other in pairwise(starts)]
    return list(zip(starts, [-np.inf, *ends], [*ends, np.inf], strict=True))
