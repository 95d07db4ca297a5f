"""The files of the page: what is the same for all models, and the model with the facts that the browser needs."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mien import __version__
from mien.core import records
from mien.core.download import file_sha256
from mien.core.html import SHARED
from mien.faces import quality
from mien.faces.detectors import yunet, yunet_network
from mien.models.bundled import ASSETS, model_name
from mien.models.metadata import ModelInfo
from mien.models.prior import WORDS
from mien.models.session import Session
from mien.recognition.recognizer import MIN_FACE

STATIC = Path(__file__).with_name("static")
RUNTIME = ASSETS / "ort"  # hatch_build.py fills it
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")  # onnxruntime-web
LICENCES = ("LICENSE", "ThirdPartyNotices.txt")  # of onnxruntime, as its Python package has them


def page_files(model: str | os.PathLike[str] | Session = "default") -> dict[str, bytes | Path]:
    """Return what the page consists of: path below the page, with /, -> the file, or its content.

    `model.json` holds the facts (`model_facts`), `model.onnx` and `yunet.onnx` are the networks, `ort/` is
    onnxruntime-web, where it is there (`in_browser`).

    Args:
        model: a bundled model's name, a run folder, an .onnx file, or an open one, whose output and prior count.

    Raises:
        InputError: no such model.

    Example:
        >>> sorted(name for name in page_files() if name.startswith("model"))
        ['model.json', 'model.onnx']
    """
    session = model if isinstance(model, Session) else Session(model)
    static = {path.name: path for folder in (STATIC, SHARED) for path in folder.iterdir() if path.is_file()}
    return {
        **dict(sorted(static.items())),
        "model.json": records.dumps(model_facts(session)).encode(),
        **{name: path for name, path in _loaded(session).items() if path.is_file()},
        **_licences(),
    }


def in_browser() -> bool:
    """Return whether onnxruntime-web is in this installation: without it a service must recognise the faces."""
    return all((RUNTIME / name).is_file() for name in RUNTIME_FILES)


def _loaded(session: Session) -> dict[str, Path]:
    """Return what a browser loads to recognise faces: path below the page -> file."""
    runtime = {f"ort/{name}": RUNTIME / name for name in RUNTIME_FILES}
    return {"model.onnx": session.path, "yunet.onnx": yunet.BUNDLED, **runtime}


def _licences() -> dict[str, Path]:
    """Return the licences of onnxruntime, where its files go along."""
    spec = find_spec("onnxruntime") if in_browser() else None
    paths = [Path(spec.origin).with_name(name) for name in LICENCES] if spec and spec.origin else []
    return {f"ort/{path.name}": path for path in paths if path.is_file()}


def model_facts(session: Session) -> dict[str, Any]:
    """Return the facts that the page needs of a model, of the detector and of the quality of faces, ready for JSON.

    `priors` has, for each prior that the page can ask for, the shares of the classes, what is added to the logits, the
    confidence below which an answer is uncertain and the quantile of the prediction sets; None where there is none.
    `model` is the prior of the session.
    """
    info, external = session.info, session.external
    fitted = info.calibration
    return {
        "name": model_name(session.path),
        "version": __version__,
        "sha256": file_sha256(session.path),
        "browser": in_browser(),
        "bytes": {name: path.stat().st_size for name, path in _loaded(session).items() if path.is_file()},
        "labels": info.labels,
        "input": {
            "name": session.input,
            "size": info.size,
            "mean": info.mean,
            "std": info.std,
            "channels": external.channels if external else ("grey", "", "RGB")[len(info.mean) - 1],
            "layout": external.layout if external else "NCHW",
            "batch": session.batch,
        },
        "output": {
            "name": session.nodes[info.primary_output],
            "follows": info.primary_output,
            "kind": external.output if external else "logits",
        },
        "temperature": info.temperature,
        "scale": (fitted.scale if fitted else ()) or None,
        "bias": (fitted.bias if fitted else ()) or None,
        "priors": {
            "model": _prior(info),
            **({word: _prior(info.with_prior(word)) for word in WORDS} if info.shares else {}),
        },
        "crop": vars(info.crop(yunet.YuNet.name)),
        "detector": {
            "name": yunet.YuNet.name,
            "min_face": MIN_FACE,
            **{
                name.lower(): getattr(yunet_network, name)
                for name in ("STRIDES", "OUTPUTS", "SCORE", "OVERLAP", "MOST")
            },
            **{
                name.lower(): getattr(yunet.YuNet, name)
                for name in ("LONGEST", "SMALLEST", "FACE", "LEAST", "STEP", "SHARED", "AGAIN", "SURE")
            },
        },
        "quality": {
            name.lower(): getattr(quality, name)
            for name in ("REASONS", "SMALLEST", "BLURRED", "DIM", "SIDE", "PROFILE", "CUT_OFF", "HIDDEN", "PLAIN")
        },
    }


def _prior(info: ModelInfo) -> dict[str, Any]:
    shares, fitted = info.prior or info.shares, info.calibration
    offset = info.at_prior(np.zeros((1, len(info.labels)), np.float32))[0]
    return {
        "shares": dict(zip(info.labels, shares, strict=True)) if shares else None,
        "offset": offset.tolist(),
        "threshold": fitted.abstain.threshold if fitted and fitted.abstain else None,
        "quantile": fitted.conformal.quantile if fitted and fitted.conformal else None,
    }
