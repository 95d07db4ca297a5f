"""The learning curve is a picture of every epoch."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from mien.core import images
from mien.recipes import Epoch
from mien.training.curves import draw_curves


def row(epoch: int) -> Epoch:
    return Epoch(epoch, epoch, 1 / epoch, 1 / epoch, 1 / epoch, 1 / epoch, lr=0.1, images_per_second=1, seconds=1)


@pytest.mark.parametrize("epochs", [1, 50])
def test_it_is_a_picture(tmp_path: Path, epochs: int) -> None:
    draw_curves([row(epoch + 1) for epoch in range(epochs)], tmp_path / "curves.png")
    picture = images.load(tmp_path / "curves.png")
    assert picture.shape == (432, 1080, 3)
    assert picture.min() < 100 < picture.max()
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


@pytest.mark.parametrize("epochs", [1, 2, 3, 50])
def test_epochs_are_whole_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    draw_curves([row(epoch + 1) for epoch in range(epochs)], tmp_path / "curves.png")
    for axes in drawn[0].axes:
        ticks = axes.xaxis.get_majorticklocs()
        assert len(ticks)
        assert all(tick == round(tick) for tick in ticks)
