"""The learning curve shows training and validation, loss and accuracy, each where its name is."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from mien.evaluation.learning_curve import curves_svg, learning_curves, learning_rates
from mien.recipes import Epoch, Recipe

SVG = "{http://www.w3.org/2000/svg}"
EPOCHS = [  # training is better than validation; every figure moves in another way
    Epoch(1, 10, 4.0, 0.10, 4.5, 0.05, lr=0.1, images_per_second=1, seconds=1),
    Epoch(2, 20, 2.0, 0.50, 3.5, 0.40, lr=0.1, images_per_second=1, seconds=1),
    Epoch(3, 30, 1.0, 0.90, 4.0, 0.30, lr=0.1, images_per_second=1, seconds=1),
]


def heights(chart: str, unnamed: str = "") -> dict[str, list[float]]:
    """The heights of each curve's points, by its name in the legend; larger is higher up in the image."""
    root = ElementTree.fromstring(chart)
    names = {text.attrib["class"]: text.text for text in root.iter("text") if text.attrib["class"] in ("train", "val")}
    return {
        names.get(line.attrib["class"]) or unnamed: [
            -float(point.split(",")[1]) for point in line.attrib["points"].split()
        ]
        for line in root.iter("polyline")
    }


def shape(values: list[float]) -> list[float]:
    """Values on 0..1 from the lowest to the highest."""
    return [(value - min(values)) / (max(values) - min(values)) for value in values]


def test_no_curve_is_swapped_with_another() -> None:
    loss, accuracy, _ = learning_curves(EPOCHS)
    for chart, title, names in ((loss, "loss", ("train_loss", "val_loss")),
                                (accuracy, "accuracy", ("train_accuracy", "val_accuracy"))):  # fmt: skip
        assert f">{title}</text>" in chart
        found = heights(chart)
        assert list(found) == ["training", "validation"]
        expected = [getattr(epoch, name) for name in names for epoch in EPOCHS]
        assert shape([*found["training"], *found["validation"]]) == pytest.approx(shape(expected), abs=2e-3)


def test_the_file_holds_the_charts_of_the_report_and_is_complete_by_itself() -> None:
    root = ElementTree.fromstring(curves_svg(EPOCHS))
    assert root.tag == f"{SVG}svg"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    titles = ["loss", "accuracy", "learning rate"]
    assert [text for text in texts if text in titles] == titles
    assert len(list(root.iter(f"{SVG}polyline"))) == 5
    for chart in learning_curves(EPOCHS):
        assert chart in curves_svg(EPOCHS)
    style = root.findtext(f"{SVG}style") or ""
    for name in ("grid", "train", "val", "title"):
        assert f".{name} {{" in style


@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_epochs_are_whole_numbers_and_one_is_drawn_too(n: int) -> None:
    epochs = [Epoch(k, k, 1 / k, 1 / k, 1 / k, 1 / k, lr=0.1, images_per_second=1, seconds=1) for k in range(1, n + 1)]
    for chart in learning_curves(epochs)[:2]:
        root = ElementTree.fromstring(chart)
        labels = [text.text or "" for text in root.iter("text") if text.attrib["text-anchor"] == "middle"]
        assert "epoch" in labels
        numbers = [label for label in labels if label != "epoch"]
        assert numbers
        assert all(label.isdigit() for label in numbers)
        assert len(list(root.iter("polyline"))) == 2


def test_the_learning_rate_is_drawn_over_the_steps_within_each_epoch() -> None:
    cycle = ((1, 0.01), (5, 0.06), (10, 0.1)), ((11, 0.1), (15, 0.05), (20, 0.001))
    epochs = [replace(epoch, lr_by_step=rates) for epoch, rates in zip(EPOCHS, cycle, strict=False)]
    assert learning_rates(epochs) == [*cycle[0], (10, 0.1), *cycle[1], (20, 0.001)]
    (drawn,) = heights(learning_curves(epochs)[2], unnamed="rate").values()
    assert shape(drawn) == pytest.approx(shape([rate for _, rate in learning_rates(epochs)]), abs=2e-3)
    (drawn,) = heights(learning_curves(epochs[:1])[2], unnamed="rate").values()  # of a run of one epoch
    assert shape(drawn) == pytest.approx(shape([rate for _, rate in learning_rates(epochs[:1])]), abs=2e-3)


def test_of_a_run_that_recorded_no_steps_the_rate_of_each_epoch_is_drawn() -> None:
    assert learning_rates(EPOCHS) == [(10, 0.1), (20, 0.1), (30, 0.1)]


@pytest.mark.parametrize("rate", [1e-6, 1e-4, 0.3])
def test_the_rate_of_a_slow_run_fills_its_chart_too(rate: float) -> None:
    epochs = [replace(epoch, lr=rate / epoch.epoch) for epoch in EPOCHS]
    (drawn,) = heights(learning_curves(epochs)[2], unnamed="rate").values()
    assert drawn[0] - drawn[-1] > 100


def test_without_epochs_there_is_no_chart() -> None:
    assert learning_curves([]) == []


def test_the_kept_epoch_is_marked_and_the_figure_that_chose_it_drawn() -> None:
    epochs = [
        replace(one, kept=kept, val_metrics={"macro_f1": value})
        for one, kept, value in zip(EPOCHS, (True, True, False), (0.1, 0.6, 0.3), strict=True)
    ]
    charts = learning_curves(epochs, Recipe(select="macro_f1"))
    assert len(charts) == 4
    assert ">macro-F1</text>" in charts[2]
    assert shape(heights(charts[2])["validation"]) == pytest.approx([0, 1, 0.4], abs=2e-3)
    middle = '<line class="ideal" x1="252.0"'  # of three epochs the second
    assert [middle in chart and ">epoch 2, kept</text>" in chart for chart in charts] == [True, True, True, False]
    assert len(learning_curves(epochs, Recipe(monitor="macro_f1"))) == 3  # nothing watches it
    assert len(learning_curves(epochs, Recipe(monitor="macro_f1", early_stop=3))) == 4
    assert len(learning_curves(EPOCHS, Recipe(select="macro_f1"))) == 3  # of a run that did not record it
    assert "kept" not in "".join(learning_curves(EPOCHS))
