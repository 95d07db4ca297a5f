"""What holds numbers of an image, whoever made it, as a NumPy array with its channels last."""

import sys
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

CHANNELS = (1, 3, 4)


def as_array(source: Any) -> NDArray[Any] | None:
    """Return an array, tensor or list of rows as [h, w] or [h, w, channels] of any type; None for anything else.

    Raises:
        InputError: no image has such a shape.
    """
    first = False
    torch = sys.modules.get("torch")  # who has a tensor has imported it
    if isinstance(source, np.ndarray):
        array = source
    elif torch is not None and isinstance(source, torch.Tensor):
        tensor = source.detach().cpu()
        array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        first = True
    elif isinstance(source, cv2.UMat):
        array = np.asarray(source.get())
    elif isinstance(source, list | tuple):
        array = _from_rows(source)
    elif (isinstance(source, memoryview) and source.ndim > 1) or hasattr(source, "__array__"):
        array = np.asarray(source)
    elif hasattr(source, "__dlpack__"):
        array = np.from_dlpack(source)
    else:
        return None
    return _channels_last(array, first=first)


def _from_rows(source: Any) -> NDArray[Any]:
    try:
        array = np.asarray(source)
    except ValueError:  # rows of several lengths
        array = np.asarray(None)
    if array.dtype.kind not in "buif":
        kinds = ", ".join(sorted({type(entry).__name__ for entry in source}))
        raise InputError(
            f"expected one image, got a {type(source).__name__} of {kinds}; Recognizer.batch takes several"
        )
    return array


def _channels_last(array: NDArray[Any], *, first: bool) -> NDArray[Any]:
    """`first`: where both ends could be the channels, they come first."""
    shape = array.shape
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] in CHANNELS:
        height, width = array.shape[1:]  # an image of 3 or 4 columns is far rarer than channels at the end
        if height > max(CHANNELS) and (first or width > max(CHANNELS)):
            array = np.moveaxis(array, 0, 2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in CHANNELS) or array.size == 0:
        several = "; one image at a time, Recognizer.batch takes several" if array.ndim == 4 else ""
        raise InputError(
            "expected an array [h, w], [h, w, 1], [h, w, 3] or [h, w, 4], or with its channels first, "
            f"got shape {list(shape)}{several}"
        )
    return array
