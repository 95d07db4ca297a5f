"""Photos to face crops, for datasets."""

from dataclasses import dataclass, field
from typing import Self

from mien.core import images
from mien.faces.detectors import Detector, detect, detector_name, load_detector
from mien.models.metadata import ModelInfo


@dataclass(frozen=True)
class LargestFace:
    """Crops the largest face of a photo as `Recognizer` does: a `mien.datasets.dataset.FaceCropper`.

    Its repr is part of the key of a cached dataset.

    Args:
        detector: the name of a detector, or the .onnx file of a YuNet; `auto` becomes the name of the detector in use.
        crop: how the face is cropped.

    Raises:
        InputError: there is no such detector, or its file cannot be used.
    """

    detector: str
    crop: images.CropSpec
    _detect: Detector = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_detect", load_detector(self.detector))
        if self.detector == "auto":
            object.__setattr__(self, "detector", self.detector_name)

    @classmethod
    def for_model(cls, detector: str, info: ModelInfo) -> Self:
        """Return what crops as this model wants it."""
        return cls(detector, info.crop(detector_name(load_detector(detector))))

    @property
    def detector_name(self) -> str:
        """What the detector is called in tables and model files."""
        return detector_name(self._detect)

    def __call__(self, image: images.Pixels, /) -> images.Pixels | None:
        """Return the crop, square and of any size; None where no face is found."""
        found = detect(self._detect, image)
        return found.crop(image, found.largest, self.crop) if len(found.boxes) else None
