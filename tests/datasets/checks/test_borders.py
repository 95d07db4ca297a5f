import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.datasets.checks import borders
from tests import drawn

FACES = drawn.unlike(24).images // 2 + 64  # nowhere black, so that each black bar is found
SPAN = borders.SIDE


def shifted(right: int, down: int, border: int) -> NDArray[np.uint8]:
    """Return the faces moved, and what is missing filled up as OpenCV names it."""
    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return np.stack([cv2.warpAffine(face, move, (SPAN, SPAN), borderMode=border) for face in FACES]).astype(np.uint8)


def test_whole_faces_have_no_bad_border() -> None:
    assert set(borders.bad(FACES).tolist()) == {""}
    assert borders.bad(FACES[:0]).tolist() == []


@pytest.mark.parametrize(("move", "side"), [((0, 6), "top"), ((-6, 0), "right"), ((0, -6), "bottom"), ((6, 0), "left")])
@pytest.mark.parametrize(
    ("kind", "border"),
    [("bar", cv2.BORDER_CONSTANT), ("mirrored", cv2.BORDER_REFLECT), ("mirrored", cv2.BORDER_REFLECT_101)],
)
def test_padding_is_found_on_its_side(kind: str, border: int, move: tuple[int, int], side: str) -> None:
    found = borders.bad(shifted(*move, border))
    assert set(found.tolist()) == {f"{kind} {side}, 12 %"}


def test_a_picture_in_a_frame_has_four_bars() -> None:
    framed = np.zeros((SPAN, SPAN), np.uint8)
    framed[6:-10, 24:-4] = np.random.default_rng(0).integers(60, 256, (32, 20))
    assert borders.bad(framed[None]).tolist() == ["bar top, 12 %; bar right, 8 %; bar bottom, 21 %; bar left, 50 %"]


def test_a_plain_background_is_no_bar() -> None:
    faces = []
    for face in FACES:
        y, x = np.mgrid[:SPAN, :SPAN]
        head = ((x - 23.5) / 15) ** 2 + ((y - 23.5) / 18) ** 2 < 1
        faces.append(np.where(head, np.maximum(face, 60), 0).astype(np.uint8))
    assert set(borders.bad(np.stack(faces)).tolist()) == {""}


def test_how_wide_and_how_sharp_a_bar_is() -> None:
    rng = np.random.default_rng(0)
    grain = rng.integers(60, 256, (SPAN, SPAN)).astype(np.uint8)

    def barred(width: int, edge: int) -> str:
        image = grain.copy()
        image[:width] = 0
        image[width : width + edge] = 20  # a step too low, but too high for a bar
        return str(borders.bad(image[None])[0])

    assert barred(borders.NARROWEST, 0) == "bar top, 8 %"
    assert barred(borders.NARROWEST - 1, 0) == ""
    assert barred(6, 1) == "bar top, 12 %"  # one soft row, of resizing
    assert barred(6, 3) == ""  # a background that grows lighter


def test_of_one_colour_is_no_bar() -> None:
    plain = np.full((1, SPAN, SPAN), 7, np.uint8)
    ramp = np.repeat(np.arange(SPAN, dtype=np.uint8)[None, :], SPAN, axis=0)[None] * 5
    assert borders.bad(plain).tolist() == borders.bad(ramp).tolist() == [""]


def test_size_and_colour_do_not_matter() -> None:
    grey = shifted(0, 12, cv2.BORDER_CONSTANT)
    large = np.repeat(np.repeat(grey, 2, axis=1), 2, axis=2)
    expected = borders.bad(grey).tolist()
    assert any(expected)
    assert borders.bad(large).tolist() == borders.bad(np.repeat(grey[..., None], 3, axis=3)).tolist() == expected


def test_a_mirrored_border_may_be_grainy() -> None:
    mirrored = shifted(0, 12, cv2.BORDER_REFLECT).astype(int)
    grainy = (mirrored + np.random.default_rng(0).integers(-2, 3, mirrored.shape)).astype(np.uint8)
    assert np.char.startswith(borders.bad(grainy), "mirrored top, 25 %").mean() > 0.5
