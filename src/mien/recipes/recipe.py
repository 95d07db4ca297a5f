"""What a recipe is: every field that decides a training run, checked, and as JSON holds it."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args, get_origin, get_type_hints

from mien.core.errors import InputError, did_you_mean
from mien.core.labels import FER2013, FERPLUS, TAXONOMIES, Targets, parse_classes

OUTPUT_CLASSES: dict[Targets, tuple[str, ...]] = {
    "label": FER2013,
    "majority": FERPLUS,
    "plurality": FERPLUS,
    "distribution": FERPLUS,
}
Figure = Literal["loss", "accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece", "kl"]
"""What an epoch can be judged by: the validation loss, or a figure of `mien.evaluation.metrics.METRICS`."""
HIGHER: tuple[Figure, ...] = ("accuracy", "macro_f1", "balanced_accuracy")  # the better; of the others lower
ONE_SIZE = (
    "three-class",
    "three-conv",
    "three-conv-stride-3",
    "vgg-5x5",
)  # networks whose dense layers fit one image size


@dataclass(frozen=True)
class About:
    """What people should know about a recipe before they run it."""

    source: str
    """Where it comes from, and what was published about it."""
    dataset: str
    """The kind of dataset it was written for."""
    cost: str
    """What a run takes, on which device."""
    expected: str
    """The score it should reach, and on which data."""
    stated: dict[str, str] = field(default_factory=dict)
    """Part -> what the source says of it; a part is called as the recipe's field that holds it, where one does."""
    open: dict[str, str] = field(default_factory=dict)
    """Part -> what the recipe does where the source says nothing, or may mean several things."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run computes, apart from the data and the device.

    Example:
        >>> import mien
        >>> recipe = mien.Recipe(name="mine", model="resnet9", classes=("bored", "engaged"), epochs=10, lr=1e-3)
        >>> recipe.outputs
        {'label': ('bored', 'engaged')}
        >>> run = mien.train(recipe, data="mine/", holdout=0.2)
    """

    name: str = ""
    """What the recipe is called."""

    classes: tuple[str, ...] = FER2013
    """The classes of the primary output, in order: names (bored,engaged), or a taxonomy (fer2013, alphabetical,
    ferplus, facial_expressions, three-class)."""
    targets: Targets = "label"
    """What the primary output learns: FER2013's label, or the FER+ votes as majority, plurality or distribution."""
    further_outputs: tuple[Targets, ...] = ()
    """Further labels of the same faces, values as for `targets`; the network has one output for each."""
    drop_duplicates: bool = False
    """Leave out training images that are, pixel for pixel, in the validation split too."""
    model: str = "mien"
    """The network: a name from `mien.training.networks`, timm/NAME, or code of your own: package.module:NAME or
    path/to/file.py:NAME, a class or function that gets classes, channels and size."""
    pretrained: bool = False
    """Start from the weights that timm offers for its networks (downloads them)."""
    size: int = 48
    """Images are size x size pixels."""
    channels: Literal[1, 3] = 1
    """1: grey, 3: RGB (grey images are repeated)."""
    scaling: Literal["unit", "measured"] = "unit"
    """unit: pixels / 255. measured: then standardised by the training split's mean and deviation, per channel."""

    holdout: float = 0.1
    """Share of the data that becomes the validation split; as an option, refused where the data have such a split."""
    margin: float = 0.1
    """What recognition adds to a detected box on every side, as a share of its side, so that faces look like the
    training crops. With the default, the crops measured for each detector are used instead."""

    flip: float = 0.0
    """Probability of a mirror image."""
    rotate: float = 0.0
    """Maximum rotation in degrees; uniform, to either side."""
    zoom: float = 0.0
    """Scale, uniform within 1 - zoom .. 1 + zoom."""
    shift: float = 0.0
    """Maximum shift in pixels along each axis; uniform."""
    crop: int = 0
    """Train on random crops of crop x crop pixels (0: whole images); validation uses whole images."""
    pad: int = 0
    """Pixels that are added on every side, by reflection, before the random crop."""
    contrast: float = 0.0
    """Contrast and brightness, uniform within 1 - contrast .. 1 + contrast, and likewise of the full range."""
    erase: float = 0.0
    """Probability of a random rectangle (2 to 20 % of the area) filled with the image's mean (Zhong et al. 2017)."""

    degrade: float = 0.0
    """Probability that an image is degraded: fewer pixels, blur, noise, JPEG's blocks, or little light."""
    occlude: float = 0.0
    """Probability that a part of the face is covered: mouth and chin, eyes, or a side."""

    mixup: float = 0.0
    """Blend each image and its target with another's, by a share from Beta(mixup, mixup) (Zhang et al. 2018)."""
    cutmix: float = 0.0
    """Probability that a rectangle of an image, and its share of the target, come from another image (Yun et al.
    2019)."""
    progressive_resize: float = 0.0
    """Share of the steps, from the first, that train on images of `progressive_size`: cheaper steps first."""
    progressive_size: int = 32
    """Side of those smaller images, in pixels."""

    distill: float = 0.0
    """Share of the loss: divergence from the teachers on the same images (Hinton et al. 2015; Beyer et al. 2022)."""
    distill_temperature: float = 2.0
    """For that, the logits of teachers and network are divided by it."""

    class_weights: str = "none"
    """Weight of each class in the training loss: none, balanced (n / (k * n_class)), or a JSON or CSV file of all."""
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    """shuffle: each training image once an epoch. balanced: as many draws, each class equally often."""

    batch: int = 64
    """Images per step, all processes together."""
    drop_last: bool = True
    """Leave out what is fewer than a batch at the end of an epoch; else it is a smaller step, if two images or more."""
    epochs: int = 20
    """Passes over the training split."""
    max_steps: int = 0
    """Maximum number of steps (0: no limit)."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """sgd has Nesterov momentum of 0.9."""
    lr: float = 1e-3
    """Learning rate; with one-cycle, its peak."""
    finetune: Literal["none", "head", "all", "layers"] = "none"
    """Of a network with weights (--start, --pretrained). head: train the last layer alone. all: the others at
    `body_lr`. layers: rates that grow geometrically from `body_lr` at the first layer to `lr` at the last (Howard &
    Ruder 2018)."""
    body_lr: float = 0.0
    """The learning rate below the head, for finetune all (0: lr / 10) and layers (0: lr / 100)."""
    weight_decay: float = 0.0
    """L2 penalty (adam, sgd) or decoupled decay (adamw)."""
    clip_value: float = 0.0
    """Gradients are clipped to -clip_value .. clip_value (0: not)."""
    schedule: Literal["constant", "one-cycle", "plateau"] = "constant"
    """one-cycle: Smith 2018. plateau: lr / 10 after more than `patience` epochs without a better `monitor`."""
    monitor: Figure = "loss"
    """What `plateau` and `early_stop` watch: a figure of the validation split, as mien evaluate has them."""
    patience: int = 5
    """Epochs without a better `monitor` that `plateau` lets pass."""
    early_stop: int = 0
    """Stop after this many epochs without a better `monitor` (0: never)."""
    label_smoothing: float = 0.0
    """Share of the target that is spread evenly over all classes (Szegedy et al. 2016)."""
    logit_adjust: bool = False
    """Add to the logits in training the log share of each class in the image's source (the data, or a set of photos),
    so that the network learns them for even shares (Menon et al. 2021, with a prior for each source)."""
    ema: float = 0.0
    """Decay per step of an exponential moving average of the weights; that average is validated and kept (0: none)."""
    select: Literal[Figure, "last"] = "loss"
    """Which epoch's weights are kept as best: the first with the best such validation figure, or the last."""
    calibrate: bool = False
    """Fit the temperature of each output on the validation split at the end."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of convolutions. auto: bfloat16 on GPUs, and on CPUs with instructions for it, except for depthwise networks."""
    seed: int = 0
    """Seed of initial weights, order and augmentation."""

    def __post_init__(self) -> None:
        def demand(holds: bool, text: str) -> None:
            if not holds:
                raise InputError(f"recipe {self.name or '(unnamed)'}: {text}")

        for name, kind in get_type_hints(Recipe).items():
            value = getattr(self, name)
            if get_origin(kind) is Literal and value not in get_args(kind):
                known = [str(choice) for choice in get_args(kind)]
                demand(False, f"{name} {value!r} must be one of {', '.join(known)}" + did_you_mean(str(value), known))
            if kind is float:
                demand(math.isfinite(value), f"{name} {value} must be a number")
                object.__setattr__(self, name, float(value))  # 12 and 12.0 are one recipe, as text too
        if len(self.classes) == 1 and (self.classes[0] in TAXONOMIES or "," in self.classes[0]):
            object.__setattr__(self, "classes", parse_classes(self.classes[0]))
        demand(len(self.classes) >= 2, "needs at least 2 classes")
        demand(len(set(self.classes)) == len(self.classes), f"a class is named twice in {', '.join(self.classes)}")
        for output in set(self.further_outputs) - set(OUTPUT_CLASSES):
            listed = ", ".join(OUTPUT_CLASSES)
            demand(False, f"further_outputs {output!r} must be one of {listed}" + did_you_mean(output, OUTPUT_CLASSES))
        outputs = (self.targets, *self.further_outputs)
        demand(len(set(outputs)) == len(outputs), "further_outputs names one output twice, or repeats targets")
        for name in ("lr", "distill_temperature"):
            demand(getattr(self, name) > 0, f"{name} {getattr(self, name)} must be above 0")
        for name, least in (("batch", 2), ("epochs", 1), ("size", 16), ("progressive_size", 16)):
            demand(getattr(self, name) >= least, f"{name} {getattr(self, name)} must be at least {least}")
        for name in ("flip", "erase", "degrade", "occlude", "cutmix", "distill", "progressive_resize"):
            demand(0 <= getattr(self, name) <= 1, f"{name} {getattr(self, name)} must lie in 0..1")
        for name in ("label_smoothing", "ema", "zoom", "contrast", "margin", "holdout"):
            demand(0 <= getattr(self, name) < 1, f"{name} {getattr(self, name)} must lie in 0..1, 1 excluded")
        for name in (
            "rotate", "shift", "crop", "pad", "max_steps", "body_lr", "weight_decay", "clip_value", "mixup", "patience",
            "early_stop", "seed",
        ):  # fmt: skip
            demand(getattr(self, name) >= 0, f"{name} {getattr(self, name)} must not be negative")
        demand(self.seed < 2**63, f"seed {self.seed} must be below 2**63, as JSON holds it")
        tuned = self.finetune in ("all", "layers")
        demand(tuned or not self.body_lr, f"body_lr does nothing with finetune {self.finetune}; it needs all or layers")
        size, crop, pad = self.size, self.crop, self.pad
        demand(not pad or crop > 0, "pad does nothing without crop")
        demand(pad < size, f"pad {pad} must be below size {size}, which it reflects")
        demand(crop <= size + 2 * pad, f"crop {crop} is larger than size {size} with pad {pad}")
        if self.progressive_resize:
            demand(self.progressive_size < size, f"progressive_size {self.progressive_size} must be below size {size}")
        if self.model in ONE_SIZE:
            only = f"{self.model} accepts images of one size only"
            demand(not self.progressive_resize, f"{only}; progressive_resize must be 0")
            demand(crop in (0, size), f"{only}; crop {crop} must be 0 or the size, {size}")
        demand(not self.pretrained or self.model.startswith("timm/"), "only timm/ networks have pretrained weights")

    @property
    def outputs(self) -> dict[Targets, tuple[str, ...]]:
        """The labels that the network learns, each with its classes; the first is the primary output."""
        return {self.targets: self.classes} | {name: OUTPUT_CLASSES[name] for name in self.further_outputs}

    @property
    def width(self) -> int:
        """Number of classes of all outputs together."""
        return sum(map(len, self.outputs.values()))

    @property
    def sizes(self) -> list[int]:
        """The sides of the images that the network gets, in training and after it, ascending."""
        small = self.progressive_size if self.progressive_resize else self.size
        return sorted({self.size, self.crop or self.size, small})

    @property
    def soft(self) -> bool:
        """Whether targets are shares over the classes of all outputs, not one class per image."""
        return bool(self.further_outputs or self.mixup or self.cutmix or self.distill or self.logit_adjust)
