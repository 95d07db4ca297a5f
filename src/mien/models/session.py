"""An .onnx file opened for scoring batches of face crops."""

import os
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.download import file_sha256
from mien.core.errors import InputError
from mien.models.bundled import bundled, resolve
from mien.models.external import read_spec
from mien.models.metadata import METADATA_KEY, ModelInfo
from mien.models.prior import Prior
from mien.models.providers import Providers, check_used, find_providers

Tta = Literal["none", "flip"]
FEATURES = "features"  # the output with what the last linear layer reads, where a file has it


class Session:
    """An open model: uint8 face crops in, logits or probabilities out. Safe to share between threads.

    Args:
        model: a bundled model's name, a run folder, or an .onnx file that mien exported or that an external model spec
            describes (`mien.models.external`).
        output: which output `info`, `logits` and `probabilities` are about, by the labelling it follows
            (`ModelInfo.outputs`); None: the primary one.
        threads: how many cores one batch may use; None leaves it to onnxruntime (all of them).
        prior: the shares of the classes that `probabilities` assume (`mien.models.prior`); None: those of the file.
        providers: where it is computed: `cpu`, `cuda`, `cuda:1`, `coreml`, `directml` ... (`mien.models.providers`), or
            a list of them, the first choice first. What the first cannot compute, the next does, the CPU at last.
        features: also give what the last linear layer reads, as `features` in what `run` returns.

    It can be pickled: the model's name or path and the settings are. The file must then be the same.

    Raises:
        InputError: no such model, output or provider, not an ONNX file, neither mien's metadata nor a spec describes
            it, or the last layer is not linear where its features are asked for.
        MissingExtra: features are asked for, the file has no such output, and onnx is not installed.

    Example:
        >>> Session("default").probabilities(np.zeros((2, 48, 48), np.uint8)).shape
        (2, 8)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "default",
        *,
        output: str | None = None,
        threads: int | None = None,
        providers: Providers = "cpu",
        features: bool = False,
        prior: Prior | None = None,
    ) -> None:
        import onnxruntime

        self.path = resolve(model)
        self._settings: dict[str, Any] = {"output": output, "threads": threads, "providers": providers}
        self._settings |= {"prior": prior, "features": features}
        asked = find_providers(providers)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        # waiting threads sleep: spinning costs a quarter more processor time and gains nothing on networks this small
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(self.path, options, providers=asked)
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # onnxruntime raises bare pybind exceptions of its own
            reason = str(error).splitlines()[0]
            raise InputError(f"{self.path}: not an ONNX model that onnxruntime can open ({reason})") from None
        check_used(asked, self._session.get_providers())
        facts = self.metadata.get(METADATA_KEY)
        self.external = read_spec(self.path) if facts is None else None
        self.file_info = self.external.info if self.external else ModelInfo.from_json(facts)
        """The facts as the file has them; `info` is the same for the output asked for."""
        self.info = self.file_info.for_output(output or self.file_info.primary_output)
        if prior is not None:
            self.info = self.info.with_prior(prior)
        nodes, outputs = self._session.get_outputs(), self.file_info.outputs
        if len(nodes) < len(outputs):
            raise InputError(f"{self.path}: has {len(nodes)} outputs, its metadata names {len(outputs)}")
        self.nodes = {name: node.name for name, node in zip(outputs, nodes, strict=False)}
        """Output -> what the file calls it."""
        entry = self._session.get_inputs()[0]
        self.input = entry.name
        self.batch = entry.shape[0] if entry.shape and isinstance(entry.shape[0], int) else None
        """The number of crops that the network wants; None where it takes any."""
        planes = [len(self.info.mean), self.info.size, self.info.size]
        self._check_shape(entry, self.external.shape if self.external else planes)
        for node, described in zip(nodes, outputs.values(), strict=False):
            self._check_shape(node, [len(described.labels)])
        if features:
            if all(node.name != FEATURES for node in nodes):
                from mien.models.features import with_features

                content = with_features(self)[0].SerializeToString()
                self._session = onnxruntime.InferenceSession(content, options, providers=asked)
            self.nodes[FEATURES] = FEATURES
        self._session.disable_fallback()  # an error is an error: not the same again on the CPU

    def __getstate__(self) -> dict[str, Any]:
        name = next((name for name, path in bundled().items() if path == self.path), None)
        return {"model": name or str(self.path.resolve()), "digest": file_sha256(self.path), **self._settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        digest = state.pop("digest")
        self.__init__(**state)  # type: ignore[misc]
        if file_sha256(self.path) != digest:
            raise InputError(f"{self.path}: another file than when this was pickled")

    def _check_shape(self, node: Any, wanted: list[int]) -> None:
        """Raise InputError where an input or output is not [n, *wanted]; dimensions without a number pass."""
        got = [known if isinstance(known, int) else want for known, want in zip(node.shape[1:], wanted, strict=False)]
        if len(node.shape) != 1 + len(wanted) or got != wanted:
            source = self.path.with_suffix(".json").name if self.external else "its metadata"
            raise InputError(f"{self.path}: {node.name} is {node.shape}, {source} says {['n', *wanted]}")

    def run(self, crops: images.Pixels, *, batch: int = 128) -> dict[str, NDArray[np.float32]]:
        """Return the logits of every output, by name: float32 [n, k] each, from one pass through the network.

        Where the session gives features, they are the last entry, `features`: float32 [n, d].

        Args:
            crops: uint8 [n, h, w] or [n, h, w, 3], resized to the model's size if need be.
            batch: how many crops go through the network at a time.
        """
        starts = range(0, max(1, len(crops)), batch)
        pieces = [self._run(np.asarray(crops[start : start + batch])) for start in starts]
        return dict(zip(self.nodes, map(np.concatenate, zip(*pieces, strict=True)), strict=True))

    def logits(self, crops: images.Pixels) -> NDArray[np.float32]:
        """Return float32 [n, k], the logits of the primary output: `run` has the arguments."""
        return self.run(crops)[self.info.primary_output]

    def _run(self, crops: images.Pixels) -> list[NDArray[np.float32]]:
        """Return the logits of every output; in padded pieces where the network wants a fixed number of crops."""
        size, n = self.info.size, len(crops)
        if crops.shape[1:3] != (size, size):
            crops = np.stack([images.resize(crop, size) for crop in crops])
        planes = images.scale(crops, self.info.mean, self.info.std)
        if self.external:
            planes = self.external.feed(planes)
        step = self.batch or max(1, n)
        if short := -n % step:
            planes = np.concatenate([planes, np.zeros((short, *planes.shape[1:]), np.float32)])
        pieces = [planes[start : start + step] for start in range(0, max(1, n), step)]
        nodes = list(self.nodes.values())
        scored = zip(*(self._session.run(nodes, {self.input: piece}) for piece in pieces), strict=True)
        found = [np.concatenate(parts)[:n].astype(np.float32, copy=False) for parts in scored]
        try:
            return [self.external.logits(numbers) for numbers in found] if self.external else found
        except InputError as error:
            raise InputError(f"{self.path.with_suffix('.json')}: {error}") from None

    def probabilities(self, crops: images.Pixels, *, tta: Tta = "none", batch: int = 128) -> NDArray[np.float32]:
        """Return float32 [n, k], each row summing to 1: `run` has the arguments.

        With `tta="flip"` a row is the mean of the probabilities of the crop and of its mirror image.
        """
        found = [np.zeros((0, len(self.info.labels)), np.float32)]
        for start in range(0, len(crops), batch):
            block = np.asarray(crops[start : start + batch])
            views = [block] if tta == "none" else [block, block[:, :, ::-1]]
            logits = [self.run(view, batch=batch)[self.info.primary_output] for view in views]
            scored = [softmax(self.info.calibrate_logits(numbers)) for numbers in logits]
            found.append(np.mean(scored, axis=0, dtype=np.float32))
        return np.concatenate(found)

    def score(self, crops: images.Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return what `probabilities` does, and the features of the crops, [n, d]; None where it gives none."""
        if FEATURES not in self.nodes:
            return self.probabilities(crops), None
        found = self.run(crops)
        return softmax(self.info.calibrate_logits(found[self.info.primary_output])), found[FEATURES]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax of [n, k] over the last axis."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
