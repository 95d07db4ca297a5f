"""Tiny models that explain themselves: what they say follows from the mean brightness of the crop."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx.helper import make_node

from mien.core import images
from mien.core.labels import FER2013
from mien.models.metadata import ModelInfo
from tests.onnx_file import write_onnx


def brightness_model(
    path: Path, labels: tuple[str, ...] = FER2013, channels: int = 1, size: int = 48, info: str | None = ""
) -> Path:
    """Write a model whose label i is the most probable where the crop's mean brightness is nearest to i / (k - 1).

    Logits are -200 * (brightness - centre)^2 less the term that all labels share: an average pool and a Gemm.
    """
    k = len(labels)
    centres = np.arange(k, dtype=np.float32) / (k - 1)
    weight = np.repeat(400 * centres[:, None] / channels, channels, axis=1).astype(np.float32)
    facts = ModelInfo(labels=labels, size=size, mean=(0.0,) * channels, std=(1.0,) * channels, margin=0.1).to_json()
    return write_onnx(
        path,
        [
            make_node("GlobalAveragePool", ["x"], ["pooled"]),
            make_node("Flatten", ["pooled"], ["flat"]),
            make_node("Gemm", ["flat", "weight", "bias"], ["logits"], transB=1),
        ],
        {"weight": weight, "bias": -200 * centres**2},
        shape=[channels, size, size],
        outputs={"logits": k},
        info=info or facts if info is not None else None,
    )


@pytest.fixture(scope="session")
def make_brightness_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder = tmp_path_factory.mktemp("models")
    numbers = iter(range(1000))
    return lambda **facts: brightness_model(folder / f"{next(numbers)}.onnx", **facts)


@pytest.fixture(scope="session")
def model(make_brightness_model: Callable[..., Path]) -> Path:
    """Seven classes in the FER2013 order, grey 48 x 48."""
    return make_brightness_model()


SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """The folder of real photos beside the checkout."""
    if not (SHARED / "photos").is_dir():
        pytest.skip("needs ../shared/photos")
    return SHARED / "photos"


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    """The YuNet beside the checkout."""
    found = sorted((SHARED / "models").glob("face_detection_yunet_*.onnx"))
    if not found:
        pytest.skip("needs a YuNet in ../shared/models")
    return found[-1]


@pytest.fixture(scope="session")
def astronaut_file() -> Path:
    """A real photo with one face, 512 x 512, that scikit-image ships."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / "astronaut.png"


@pytest.fixture(scope="session")
def astronaut(astronaut_file: Path) -> images.Pixels:
    return images.load(astronaut_file)


def grey_video(path: Path, levels: Iterable[int], *, rate: int = 25) -> Path:
    """Write a video, 64 x 48, motion JPEG, of one evenly grey frame per level."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path
