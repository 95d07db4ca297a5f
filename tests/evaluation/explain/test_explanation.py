from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import InputError
from mien.core.images import LoadedImage
from mien.evaluation.explain import Explanation, Occlusion, explain_faces
from mien.evaluation.explain.drawing import AGAINST, CARD, FOR, GAP, MOST, draw_faces, full_colour, legend, overlay
from mien.faces import Detections
from mien.recognition import Recognizer
from tests.blocks import MakeModel, draw

BOXES = np.array([[10, 20, 48, 48], [100, 20, 96, 96]], np.float32)


def two_faces(blocks: Sequence[int] = (1, 3)) -> LoadedImage:
    image = np.zeros((140, 220), np.uint8)
    image[20:68, 10:58] = draw([blocks[0]])[0]
    image[20:116, 100:196] = draw([blocks[1]], 96)[0]
    return LoadedImage(image, (220, 140))


def explanations(model: Path, *, label: str | None = None, image: LoadedImage | None = None) -> list[Explanation]:
    recognizer = Recognizer(model, lambda _: Detections(BOXES))
    return explain_faces(recognizer, Occlusion(recognizer.session), image or two_faces(), label=label)


def test_each_face_is_explained_for_its_most_probable_class(make_model: MakeModel) -> None:
    found = explanations(make_model())
    assert [one.label for one in found] == ["disgust", "happy"]
    assert [one.box for one in found] == [(10, 20, 48, 48), (100, 20, 96, 96)]
    assert [one.image.shape for one in found] == [(224, 224)] * 2
    for one, (top, left) in zip(found, ((0, 12), (0, 36)), strict=True):
        assert one.map[top + 6, left + 6] == pytest.approx(one.map.max(), rel=0.5)
        assert one.probability == one.probabilities.max()


@pytest.mark.parametrize("name", ["sad", "sadness", "Sad"])
def test_another_class_is_explained_by_its_name_or_a_synonym(make_model: MakeModel, name: str) -> None:
    found = explanations(make_model(), label=name)
    assert [one.label for one in found] == ["sad", "sad"]
    assert found[0].map.min() < -10 * found[0].map.max()


def test_a_class_that_the_model_lacks_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(InputError, match=r"^no class 'hapy'; did you mean 'happy'\? \(the model has angry, disgust, "):
        explanations(make_model(), label="hapy")


def test_a_photo_without_a_face_has_no_explanation(make_model: MakeModel) -> None:
    recognizer = Recognizer(make_model(), lambda _: None)  # type: ignore[arg-type]
    assert explain_faces(recognizer, Occlusion(recognizer.session), two_faces()) == []


def test_the_words_say_what_covering_does(make_model: MakeModel) -> None:
    (one, _) = explanations(make_model())
    assert one.lowest is not None
    fall = one.probability - one.lowest
    assert legend(one) == (
        f"covering this part lowers the probability of disgust by up to {fall:.2f}, to {one.lowest:.2f}",
        "covering no part raises the probability of disgust by 0.01 or more",
    )
    (other, _) = explanations(make_model(), label="sad")
    assert legend(other)[0] == "covering no part lowers the probability of sad by 0.01 or more"
    assert legend(other)[1].startswith("covering this part raises the probability of sad by up to 0.")


def test_the_map_is_orange_above_zero_blue_below_and_the_crop_at_zero() -> None:
    values = np.zeros((48, 48), np.float32)
    values[:12], values[-12:] = 2, -2
    drawn = overlay(np.full((48, 48), 120, np.uint8), values, 2.0).astype(int)
    for row, colour in ((5, FOR), (112, (120,) * 3), (218, AGAINST)):
        assert np.abs(drawn[row, 112] - (0.85 * np.array(colour) + 0.15 * 120)).max() < 2 or row == 112
    assert drawn[112, 112].tolist() == [120] * 3


def test_small_changes_are_painted_pale() -> None:
    assert full_colour(np.full((2, 2), 0.1, np.float32), "occlusion") == 0.5
    assert full_colour(np.full((2, 2), -3, np.float32), "occlusion") == 3
    assert full_colour(np.full((2, 2), 0.1, np.float32), "grad-cam") == pytest.approx(0.1)
    assert full_colour(np.zeros((2, 2), np.float32), "grad-cam") > 0


@pytest.mark.parametrize("n", [1, 2, 5, MOST + 3])
def test_a_picture_has_every_face_up_to_a_limit(make_model: MakeModel, n: int) -> None:
    found = explanations(make_model()) * (n // 2 + 1)
    drawn = draw_faces(found[:n])  # of the last case, 100 MB
    columns = (drawn.shape[1] - GAP) // (CARD + GAP)
    assert drawn.shape[1] == columns * (CARD + GAP) + GAP
    rows = -(-min(n, MOST) // columns)
    assert drawn.shape[0] > rows * 300
    assert drawn.nbytes < 120_000_000


@pytest.mark.parametrize(
    "labels", [["ja", "nein"], [f"class number {i}" for i in range(16)], ["기쁨", "슬픔", "a" * 80]]
)
def test_any_classes_can_be_drawn(make_model: MakeModel, labels: list[str]) -> None:
    (one, *_) = explanations(make_model(labels=labels))
    assert one.label == labels[1]
    assert one.draw().shape[1] == CARD + 2 * GAP
    assert Image.fromarray(one.draw()).size[1] > 300
    assert one._repr_png_().startswith(b"\x89PNG")


def test_the_margins_of_a_picture_are_empty(make_model: MakeModel) -> None:
    """Nothing is cut off: neither long names and sentences, nor the text below."""
    for labels in (None, ["x" * 24, "y" * 24, "W" * 24]):
        drawn = draw_faces(explanations(make_model(**({"labels": labels} if labels else {}))))
        for edge in (drawn[:4], drawn[-4:], drawn[:, :4], drawn[:, -4:]):
            assert (edge == 255).all()
