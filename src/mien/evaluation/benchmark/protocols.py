"""Protocols: fixed ways to measure, as data, each with a hash.

FER2013's published figures were measured in different ways: the epoch chosen on the test set or not, test faces that
are in training too or not, mirror images averaged or not, FER+ with eight classes or seven. Here each way has a name,
and two results are compared only where the hash of everything that decides a figure is the same.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

from mien.core.errors import InputError, did_you_mean
from mien.core.labels import ALPHABETICAL, FACIAL_EXPRESSIONS, FER2013, FERPLUS, THREE, Targets
from mien.datasets.readers.ferplus import TARGETS
from mien.models.session import Tta

PROSE = ("title", "source", "published")  # describes a protocol and decides nothing
HASHED_AS = {"facial_expressions": "legend", "facial-expressions": "legend"}  # what kind and id were when first hashed


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to measure. Splits have the names of `mien.datasets.read`: train, validation, test."""

    id: str
    title: str
    """In one line."""
    kind: str
    """The reader of the data."""
    classes: tuple[str, ...]
    """What is scored. A model must answer all of them; its further labels are left out and the others scaled to 1."""
    outputs: tuple[str, ...]
    """Which output of a model is scored: the first of these that it has, else its primary output."""
    choose: str = "validation"
    """The split for every choice: of epochs, recipes, temperatures, models."""
    final: str | None = "test"
    """The split that is scored once, with --final; None where the dataset has none."""
    source: str
    """Where data and rules come from."""
    published: str
    """What published figures used instead, and what they were."""
    targets: Targets = "label"
    """The dataset's labels, or those made of the FER+ votes (see `mien.datasets.readers.ferplus.target`)."""
    train: str = "train"
    holdout: tuple[float, float] = (0.0, 0.0)
    """Shares of the dataset for validation and test where it has no such splits; 0: it has them."""
    seed: int = 0
    """Seed of these splits, which follow from the ids alone (see `mien.datasets.splits`)."""
    dedup: Literal["none", "exact", "near"] = "none"
    """Faces of the scored split that are in `train` too, byte for byte or nearly so, are left out."""
    views: tuple[Tta, ...] = ("none", "flip")
    """Single view, and the mean with the mirror image; always reported apart."""
    revision: int = 1
    """Goes up when code changes a figure: of a reader, of what counts as nearly the same, of a score."""

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of everything that decides a figure, as canonical JSON."""
        decides = {name: value for name, value in asdict(self).items() if name not in PROSE}
        decides |= {name: HASHED_AS.get(decides[name], decides[name]) for name in ("id", "kind")}
        if self.kind == "fer2013" and self.targets != "label":
            decides["kind"] = "ferplus"
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def split(self, *, final: bool) -> str:
        """Return the name of the split that is scored. InputError where `final` asks for one the dataset lacks."""
        if not final:
            return self.choose
        if self.final is None:
            raise InputError(f"{self.id} has no final split, its dataset has none with labels; leave out --final")
        return self.final


_FER2013 = Protocol(
    id="fer2013",
    title="train Training, choose on PublicTest, report PrivateTest once; FER2013's own labels",
    kind="fer2013",
    classes=FER2013,
    outputs=("label",),
    source="Goodfellow et al. 2013, arXiv:1307.0414: fer2013.csv with the splits that its column Usage names",
    published=(
        "PrivateTest, mostly with the epoch chosen on it or not stated, mirrored or ten-crop averages not stated: "
        "71.2 % (Tang 2013, the challenge's winner), 73.3 % (Khaireddin and Chen 2021, arXiv:2105.03588, ten crops "
        "averaged)"
    ),
)
_FERPLUS = Protocol(
    id="ferplus",
    title="the FER+ majority of eight classes; same splits as fer2013, without faces that have no majority",
    kind="fer2013",
    targets="majority",
    classes=FERPLUS,
    outputs=TARGETS,
    source="Barsoum et al. 2016, arXiv:1608.01041: ten votes per face, read by the rules of their code",
    published="PrivateTest, mean of 5 runs of a VGG13: 83.9 % trained on the majority, 85.0 % at best",
)
_ALL = (
    _FER2013,
    replace(
        _FER2013,
        id="fer2013-dedup",
        title="fer2013 without scored faces that are in Training too, the same or nearly so",
        dedup="near",
        published=f"no figures without these faces known to us; with them: {_FER2013.published}",
    ),
    _FERPLUS,
    replace(
        _FERPLUS,
        id="ferplus-distribution",
        title="the FER+ votes as a distribution: divergence from them, and accuracy against the most voted class",
        targets="distribution",
        outputs=("distribution", "plurality", "majority"),
        published="accuracies only (see ferplus); a divergence from the votes is rarely given",
    ),
    Protocol(
        id="three-class",
        title="angry, happy, neutral as arrays; chosen on the seeded tenth of x_train that the recipes leave out",
        kind="arrays",
        classes=THREE,
        outputs=("label",),
        final=None,
        holdout=(0.1, 0.0),
        source="a Kaggle leaderboard's x_train.npy, y_train.npy and x_test.npy: faces of FER2013",
        published="the leaderboard's accuracy on x_test, whose labels it keeps; its pass mark is 0.76696",
    ),
    Protocol(
        id="kaggle-folders",
        title="train/ and validation/ of Kaggle's class folders; there is no test split, so nothing to report once",
        kind="folder",
        classes=ALPHABETICAL,
        outputs=("label",),
        final=None,
        source="Kaggle, jonathanoheix/face-expression-recognition-dataset: FER2013's faces, split again",
        published="validation/, which the epoch was chosen on too: 65.7 % (EfficientNet-B0)",
    ),
    Protocol(
        id="facial-expressions",
        title="whole photos of public figures; no person is in two of the seeded splits of 80 / 10 / 10 % of persons",
        kind="facial_expressions",
        classes=FACIAL_EXPRESSIONS,
        outputs=(),
        holdout=(0.1, 0.1),
        source="muxspace/facial_expressions: images/ and data/legend.csv",
        published="none with persons kept apart known to us; a split by photo has the same persons on both sides",
    ),
)
PROTOCOLS: dict[str, Protocol] = {protocol.id: protocol for protocol in _ALL}


def find(name: str) -> Protocol:
    """Return the protocol of that id. InputError lists the known ones."""
    if name not in PROTOCOLS:
        raise InputError(f"no protocol {name!r}{did_you_mean(name, PROTOCOLS)} (known: {', '.join(PROTOCOLS)})")
    return PROTOCOLS[name]
