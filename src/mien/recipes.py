"""The named ways to train, as frozen dataclasses: two recipes differ in their fields and in nothing else.

`Recipe()` holds the defaults; each recipe below states its source, its cost and the score it should reach, and replaces
what differs. The command line shows every field as an option.
"""

import difflib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mien.datasets.labels import ALPHABETICAL, FER2013, FERPLUS, LEGEND, TAXONOMIES, THREE
from mien.errors import InputError

HEADS = {"label": FER2013, "majority": FERPLUS, "plurality": FERPLUS, "distribution": FERPLUS}  # and their classes
ONE_SIZE = ("three-class", "three-conv", "vgg-5x5")  # networks whose dense layers are cut to the size of the picture


@dataclass(frozen=True)
class About:
    """What people should know of a recipe before they run it."""

    source: str
    """Where it comes from, and what was published of it."""
    dataset: str
    """The kind of dataset it was written for."""
    cost: str
    """What a run takes, on which device."""
    expected: str
    """The score it should reach, on what."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run computes, apart from the data and the device."""

    name: str = ""
    """What the recipe is called."""

    classes: tuple[str, ...] = FER2013
    """What the outputs stand for, in order: names, or one of a taxonomy (fer2013, alphabetical, ferplus, legend,
    three-class)."""
    targets: Literal["label", "majority", "plurality", "distribution"] = "label"
    """FER2013's label, or what the FER+ votes say: their majority, plurality, or all of them as a distribution."""
    heads: tuple[str, ...] = ()
    """Further labellings of the same faces, learnt beside the answer, each an output of its own: as `targets`."""
    distinct: bool = False
    """Leave out training pictures that stand, pixel for pixel, in the validation part as well."""
    model: str = "mien"
    """The network: a name from `mien.models`, or timm/NAME."""
    pretrained: bool = False
    """Start from the weights that timm offers for its networks (downloads them)."""
    size: int = 48
    """Pictures are size x size pixels."""
    channels: Literal[1, 3] = 1
    """1: grey, 3: RGB (grey pictures are repeated)."""
    scaling: Literal["unit", "measured"] = "unit"
    """unit: pixels / 255. measured: then less the training part's mean, over its deviation, per channel."""

    holdout: float = 0.1
    """Share that becomes the validation part where the dataset has none."""
    margin: float = 0.1
    """What recognition adds to a detected box on every side, in parts of its side, to meet the crops trained on. Left
    as it is, the crops measured for each detector stand before it."""

    flip: float = 0.0
    """Probability of a mirror image."""
    rotate: float = 0.0
    """Rotation, uniform within so many degrees to either side."""
    zoom: float = 0.0
    """Scale, uniform within 1 - zoom .. 1 + zoom."""
    shift: float = 0.0
    """Shift, uniform within so many pixels along each axis."""
    crop: int = 0
    """Train on random crops of crop x crop pixels (0: whole pictures); validation sees whole pictures."""
    pad: int = 0
    """Pixels mirrored on around every side before the random crop."""
    contrast: float = 0.0
    """Contrast and brightness, uniform within 1 - contrast .. 1 + contrast, and likewise of the full range."""
    erase: float = 0.0
    """Probability of a random rectangle (2 to 20 % of the area) filled with the picture's mean (Zhong et al. 2017)."""

    mixup: float = 0.0
    """Blend each picture and its target with another's, by a share from Beta(mixup, mixup) (Zhang et al. 2018)."""
    cutmix: float = 0.0
    """Probability per batch that a rectangle of each picture, and its share of the target, come from another
    (Yun et al. 2019)."""
    early: float = 0.0
    """Share of the steps, from the first, that see pictures shrunk to `early_size`: cheap steps first."""
    early_size: int = 32
    """Pixels on a side while `early`."""

    distill: float = 0.0
    """Share of the loss that is the divergence from the teachers' answers to the same augmented pictures (Hinton et al.
    2015; Beyer et al. 2022)."""
    distill_temperature: float = 2.0
    """Teachers' and network's logits are divided by it for that."""

    batch: int = 64
    """Pictures per step, over all processes together."""
    epochs: int = 20
    """Passes over the training part."""
    max_steps: int = 0
    """Stop after so many steps (0: no limit)."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """sgd has Nesterov momentum of 0.9."""
    lr: float = 1e-3
    """Learning rate; with one-cycle, its peak."""
    weight_decay: float = 0.0
    """L2 penalty (adam, sgd) or decoupled decay (adamw)."""
    clip_value: float = 0.0
    """Gradients are clipped to -clip_value .. clip_value (0: not)."""
    schedule: Literal["constant", "one-cycle", "plateau"] = "constant"
    """one-cycle: Smith 2018. plateau: lr / 10 after `patience` epochs without a lower validation loss."""
    patience: int = 5
    """Epochs that `plateau` waits."""
    early_stop: int = 0
    """Stop after so many epochs without a lower validation loss (0: never)."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over all classes (Szegedy et al. 2016)."""
    ema: float = 0.0
    """Decay per step of an exponential average of the weights, which is what is validated and kept (0: none)."""
    select: Literal["loss", "accuracy", "last"] = "loss"
    """Which epoch's weights are kept: best by validation loss or accuracy, or simply the last."""
    calibrate: bool = False
    """Fit the temperature of each output on the validation part when done."""
    seed: int = 0
    """Decides initial weights, order and augmentation."""

    def __post_init__(self) -> None:
        def demand(holds: bool, text: str) -> None:
            if not holds:
                raise InputError(f"recipe {self.name or '(unnamed)'}: {text}")

        for name, kind in get_type_hints(Recipe).items():
            value = getattr(self, name)
            if get_origin(kind) is Literal and value not in get_args(kind):
                known = [str(choice) for choice in get_args(kind)]
                demand(False, f"{name} {value!r} must be one of {', '.join(known)}" + hint(str(value), known))
            demand(kind is not float or math.isfinite(value), f"{name} {value} must be a number")
        if len(self.classes) == 1 and self.classes[0] in TAXONOMIES:
            object.__setattr__(self, "classes", TAXONOMIES[self.classes[0]])
        demand(len(self.classes) >= 2, "needs at least 2 classes")
        demand(len(set(self.classes)) == len(self.classes), f"a class is named twice in {', '.join(self.classes)}")
        for head in set(self.heads) - set(HEADS):
            demand(False, f"heads {head!r} must be one of {', '.join(HEADS)}" + hint(head, HEADS))
        demand(len({self.targets, *self.heads}) == 1 + len(self.heads), "heads repeats a labelling, or targets")
        for name in ("lr", "distill_temperature"):
            demand(getattr(self, name) > 0, f"{name} {getattr(self, name)} must be above 0")
        for name, least in (("batch", 2), ("epochs", 1), ("size", 16), ("early_size", 16)):
            demand(getattr(self, name) >= least, f"{name} {getattr(self, name)} must be at least {least}")
        for name in ("flip", "erase", "cutmix", "distill", "early"):
            demand(0 <= getattr(self, name) <= 1, f"{name} {getattr(self, name)} must lie in 0..1")
        for name in ("label_smoothing", "ema", "zoom", "contrast", "margin", "holdout"):
            demand(0 <= getattr(self, name) < 1, f"{name} {getattr(self, name)} must lie in 0..1, 1 excluded")
        for name in (
            "rotate",
            "shift",
            "crop",
            "pad",
            "max_steps",
            "weight_decay",
            "clip_value",
            "mixup",
            "patience",
            "early_stop",
            "seed",
        ):
            demand(getattr(self, name) >= 0, f"{name} {getattr(self, name)} must not be negative")
        demand(not self.pad or self.crop > 0, "pad does nothing without crop")
        demand(self.pad < self.size, f"pad {self.pad} must be below size {self.size}, which it mirrors")
        demand(
            self.crop <= self.size + 2 * self.pad,
            f"crop {self.crop} is larger than size {self.size} with pad {self.pad}",
        )
        demand(
            not self.early or self.early_size < self.size,
            f"early_size {self.early_size} must be below size {self.size}",
        )
        demand(
            not self.early or self.model not in ONE_SIZE,
            f"{self.model} takes pictures of one size only; early must be 0",
        )
        cut = self.crop not in (0, self.size) and self.model in ONE_SIZE
        demand(
            not cut,
            f"{self.model} takes pictures of one size only; crop {self.crop} must be 0 or the size, {self.size}",
        )
        demand(not self.pretrained or self.model.startswith("timm/"), "only timm/ networks have pretrained weights")

    @property
    def outputs(self) -> dict[str, tuple[str, ...]]:
        """The labellings the network learns, each with its classes; the first is its answer."""
        return {self.targets: self.classes} | {head: HEADS[head] for head in self.heads}

    @property
    def width(self) -> int:
        """Classes of all outputs together."""
        return sum(map(len, self.outputs.values()))

    @property
    def soft(self) -> bool:
        """Whether targets are shares over all outputs' classes rather than one class per picture."""
        return bool(self.heads or self.mixup or self.cutmix or self.distill)


RECIPES: dict[str, Recipe] = {}
ABOUT: dict[str, About] = {}


def _publish(recipe: Recipe, about: About) -> None:
    RECIPES[recipe.name], ABOUT[recipe.name] = recipe, about


_publish(
    Recipe(
        name="efficientnet-b0",
        classes=ALPHABETICAL,
        model="timm/efficientnet_b0",
        pretrained=True,
        channels=3,
        flip=0.5,
        rotate=20,
        batch=32,
        epochs=15,
    ),
    About(
        source="EfficientNet-B0 (Tan & Le 2019) on Kaggle's face-expression-recognition-dataset",
        dataset="folder",
        cost="published: 13 minutes an epoch; here: 5 minutes an epoch on one CPU core",
        expected="published: validation accuracy 0.6569, train loss 0.53, from ImageNet weights",
    ),
)
_publish(
    Recipe(
        name="three-class",
        classes=THREE,
        model="three-class",
        batch=64,
        epochs=50,
        schedule="plateau",
        patience=5,
        early_stop=10,
        select="accuracy",
    ),
    About(
        source="a three-class CNN for a Kaggle leaderboard: angry, happy, neutral",
        dataset="arrays",
        cost="18 epochs of 2 minutes on one CPU core, shared",
        expected="0.76696, the leaderboard's pass mark; 0.7765 on the PublicTest part, n = 1,969, 1 seed",
    ),
)
_publish(
    Recipe(
        name="resnet9",
        classes=ALPHABETICAL,
        model="resnet9",
        scaling="measured",
        channels=3,
        flip=0.5,
        pad=4,
        crop=32,
        batch=128,
        epochs=15,
        lr=1e-2,
        weight_decay=1e-4,
        clip_value=0.1,
        schedule="one-cycle",
    ),
    About(
        source="ResNet9 with one-cycle learning (after Page 2018) on Kaggle's folders",
        dataset="folder",
        cost="half an hour an epoch on one CPU core, shared",
        expected="none published; 0.2558 on the validation part after 1 epoch of 202 steps, n = 6,346, 1 seed",
    ),
)
_publish(
    Recipe(name="vgg-5x5", classes=FER2013, model="vgg-5x5", batch=64, epochs=20),
    About(
        source="a CNN with 5x5 filters on fer2013.csv",
        dataset="fer2013",
        cost="half an hour an epoch on one CPU core: 20 epochs want a GPU",
        expected="none published; 0.4051 on PublicTest after 250 steps, n = 3,589, 1 seed",
    ),
)
_publish(
    Recipe(name="three-conv", classes=LEGEND, model="three-conv", batch=64, epochs=10, lr=1e-2),
    About(
        source="a small CNN on muxspace/facial_expressions",
        dataset="legend",
        cost="10 epochs of 44 seconds on one CPU core, shared",
        expected="none published; 0.6548 on persons not trained on, n = 1,402, 1 seed (always neutral: 0.4579)",
    ),
)
_publish(
    Recipe(
        name="mien",
        classes=FER2013,
        model="mien",
        scaling="measured",
        flip=0.5,
        rotate=12,
        zoom=0.1,
        shift=4,
        contrast=0.2,
        erase=0.25,
        batch=128,
        epochs=28,
        optimizer="sgd",
        lr=0.1,
        weight_decay=5e-4,
        schedule="one-cycle",
        label_smoothing=0.1,
        ema=0.998,
        select="last",
    ),
    About(
        source="ours: a small residual network (He et al. 2016), one-cycle learning, label smoothing, weight averaging",
        dataset="fer2013",
        cost="28 epochs of 136 seconds on one CPU core",
        expected="0.6715 on PublicTest, single view, n = 3,589, 1 seed",
    ),
)

_publish(
    replace(
        RECIPES["mien"],
        name="mien-votes",
        classes=FERPLUS,
        targets="distribution",
        heads=("label",),
        distinct=True,
        early=0.6,
        epochs=50,
        ema=0.999,
        calibrate=True,
    ),
    About(
        source="ours: the network of `mien` with two outputs, the FER+ votes (its answer) and FER2013's labels",
        dataset="ferplus, with --photos of legend",
        cost="30 epochs of 49 and 20 of 115 seconds on one CPU core",
        expected="0.6765 on PublicTest, 0.868 on its FER+ majority, single view, n = 3,589 and 3,199, 1 seed",
    ),
)

_publish(
    replace(RECIPES["mien-votes"], name="mien-polish", early=0.0, epochs=34, lr=0.04),
    About(
        source="ours: a second cycle for a finished run of mien-votes, named with --start; the bundled `default`",
        dataset="ferplus, with --photos of legend",
        cost="34 epochs of 2 minutes on one CPU core",
        expected="0.6896 on PublicTest, 0.869 on its FER+ majority, single view, n = 3,589 and 3,199, 1 seed",
    ),
)
_publish(
    replace(RECIPES["mien-votes"], name="mien-distilled", distill=0.5),
    About(
        source="ours: `mien-votes` that learns from --teachers as well (Hinton et al. 2015), best `mien-large`",
        dataset="ferplus, with --photos of legend",
        cost="that of mien-votes and of the teachers' answers to every picture",
        expected="not measured: its teachers want a GPU",
    ),
)
_publish(
    replace(RECIPES["mien-distilled"], name="mien-small", model="mien-small", epochs=20),
    About(
        source="ours: the bundled variant `small`, taught by the default model's run",
        dataset="ferplus, with --photos of legend",
        cost="20 epochs in 37 minutes on one CPU core, shared",
        expected="0.6395 on PublicTest, 0.843 on its FER+ majority, single view, n = 3,589 and 3,199, 1 seed",
    ),
)
_publish(
    replace(RECIPES["mien-votes"], name="mien-large", model="mien-large", early=0.0, cutmix=0.5, epochs=60),
    About(
        source="ours: the variant `large`, a ResNet-18 (He et al. 2016) at the full size of the faces; a teacher",
        dataset="ferplus, with --photos of legend",
        cost="wants a GPU: 1.2 GMAC a picture, 25 times `mien`",
        expected="not measured: it wants a GPU",
    ),
)
_publish(
    replace(RECIPES["mien"], name="mien-sprint", distinct=True, early=0.75, epochs=8, ema=0.99),
    About(
        source="ours: `mien` on a schedule of minutes; benchmarks/speedrun.py times it",
        dataset="fer2013",
        cost="8 epochs of 40 to 110 seconds on one CPU core, shared",
        expected="0.5924 on PublicTest, single view, n = 3,589, 1 seed",
    ),
)


def find(name: str | Path) -> Recipe:
    """Return the recipe of that name, or the one in a JSON file: a run's recipe.json, or a recipe alone.

    Raises:
        InputError: no such recipe or file, or a file that is no recipe; says which name or field is meant.
    """
    if str(name) in RECIPES:
        return RECIPES[str(name)]
    path = Path(name)
    if path.suffix == ".json" or path.exists():
        return from_json(path)
    raise InputError(
        f"no recipe {str(name)!r}{hint(str(name), RECIPES)} (known: {', '.join(RECIPES)}, or a .json file)"
    )


def hint(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" where one of the known names is near, or nothing."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def from_json(path: Path) -> Recipe:
    """Read a recipe from a JSON file; a run's recipe.json holds it under "recipe"."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        stored = stored.get("recipe", stored)
        return from_dict(stored)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: not a recipe ({error})") from None


def from_dict(stored: dict[str, Any]) -> Recipe:
    """Return the recipe with the fields of `stored`; unknown fields and values of another kind raise InputError."""
    known = {field.name: type(getattr(Recipe(), field.name)) for field in fields(Recipe)}
    for name, value in stored.items():
        if name not in known:
            raise InputError(f"a recipe has no field {name!r}{hint(name, known)}")
        kind = known[name]
        if kind is tuple:
            fits = isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)
        else:
            fits = isinstance(value, (float, int) if kind is float else kind) and isinstance(value, bool) == (
                kind is bool
            )
        if not fits:
            expected = "a list of names" if kind is tuple else kind.__name__
            raise InputError(f"recipe field {name!r}: expected {expected}, got {value!r}")
    values: dict[str, Any] = {name: tuple(value) if known[name] is tuple else value for name, value in stored.items()}
    return Recipe(**values)


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as JSON holds it."""
    return asdict(recipe)
