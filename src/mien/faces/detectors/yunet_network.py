"""YuNet's network on onnxruntime: an image in, boxes, landmarks and scores out, as cv2.FaceDetectorYN finds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError
from mien.faces.detectors.detector import suppress

STRIDES = (8, 16, 32)  # pixels from one cell of a grid to the next; sides are padded to a multiple of the last
OUTPUTS = ("cls", "obj", "bbox", "kps")  # of each stride: a face, an object, its box, its landmarks
SCORE = 0.7  # from 0 to 1; below it false boxes begin
OVERLAP = 0.3  # of two boxes that share more of their union, the one with the higher score stays
MOST = 5000  # boxes before that choice


class YuNetNetwork:
    """An open YuNet of the OpenCV Zoo, of 2023 or later. Safe to share between threads.

    Args:
        path: face_detection_yunet_*.onnx.
        threads: how many cores one call may use; None leaves it to onnxruntime (all of them).

    Attributes:
        size: the width and height of the only images that it takes; None where it takes all.

    Raises:
        InputError: there is no such file, or it is not a YuNet.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        import onnxruntime

        self._settings: dict[str, Any] = {"path": path, "threads": threads}
        if not path.is_file():
            raise InputError(f"{path}: no such detector file")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # one line is ours
        if threads is not None:
            options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as `mien.models.session`
        options.enable_mem_pattern = False  # photos differ in size, and each size would keep its own
        try:
            self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises bare pybind exceptions of its own
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: not an ONNX model that onnxruntime can open ({reason})") from None
        self._nodes = [f"{output}_{stride}" for output in OUTPUTS for stride in STRIDES]
        (entry, *more), found = self._session.get_inputs(), {node.name for node in self._session.get_outputs()}
        if more or len(entry.shape) != 4 or not found.issuperset(self._nodes):
            raise InputError(f"{path}: not a YuNet of 2023 or later; its outputs are {', '.join(sorted(found))}")
        self._input = entry.name
        _, _, height, width = entry.shape
        self.size = (width, height) if isinstance(width, int) and isinstance(height, int) else None

    def __getstate__(self) -> dict[str, Any]:
        return self._settings

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __call__(self, picture: images.Pixels) -> NDArray[np.float32]:
        """Return the faces of an image: float32 [n, 15], x, y, width, height, five landmarks (x, y), the score.

        The highest scores come first. Boxes may reach beyond the image.

        Args:
            picture: uint8 [h, w] or [h, w, 3] RGB, not above `size`.
        """
        height, width = picture.shape[:2]
        across, down = self.size or (width + -width % STRIDES[-1], height + -height % STRIDES[-1])
        planes = np.zeros((1, 3, down, across), np.float32)  # blue, green, red, from 0 to 255
        planes[0, :, :height, :width] = picture[:, :, ::-1].transpose(2, 0, 1) if picture.ndim == 3 else picture
        return decode(self._session.run(self._nodes, {self._input: planes}), across)


def decode(numbers: Sequence[NDArray[np.float32]], width: int) -> NDArray[np.float32]:
    """Return the faces of an image of that width in pixels, padding included: `numbers` is what the network returns."""
    rows = []
    for index, stride in enumerate(STRIDES):
        faces, objects, boxes, points = (output[0] for output in numbers[index :: len(STRIDES)])
        scores = np.sqrt(faces[:, 0].clip(0, 1) * objects[:, 0].clip(0, 1))
        at = np.flatnonzero(scores >= SCORE)
        box, cell = boxes[at], np.stack([at % (width // stride), at // (width // stride)], axis=1)
        sides = np.exp(box[:, 2:])
        corner = cell + box[:, :2] - sides / 2
        landmarks = (points[at].reshape(-1, 5, 2) + cell[:, None]).reshape(-1, 10)
        found = np.concatenate([corner, sides, landmarks], axis=1) * stride
        rows.append(np.concatenate([found, scores[at, None]], axis=1).astype(np.float32))
    every = np.concatenate(rows)
    every = every[np.argsort(-every[:, 14], kind="stable")][:MOST]
    return every[suppress(np.trunc(every[:, :4]), OVERLAP)]  # whole pixels, as OpenCV compares them
