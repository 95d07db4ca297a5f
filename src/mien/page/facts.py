"""What the page knows of its model and of who serves it: page.json, and the model card as card.html."""

import json
import re
from pathlib import Path

from mien import __version__
from mien.core import formats
from mien.core.download import file_sha256
from mien.core.html import render
from mien.core.limits import MAX_PIXELS
from mien.core.time_rules import SMOOTHING
from mien.faces.annotate import palette
from mien.models.bundled import model_name
from mien.models.card import card_text
from mien.models.session import Session
from mien.recognition import smoothing, tracking, video

CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; base-uri 'none'; form-action 'none'"
)
"""The Content-Security-Policy of the page; index.html has it too, for web spaces that send no headers."""


def describe(
    session: Session,
    *,
    server: bool = False,
    browser: bool = False,
    live: bool = False,
    token_needed: bool = False,
    detector: str = "yunet",
    limits: dict[str, int] | None = None,
) -> dict[str, bytes]:
    """Return the files that say what is served: page.json and card.html.

    Args:
        session: the model.
        server: `POST /v1/faces` and `/v1/video` are served at the page's address.
        browser: the engine and the model can be had there, for recognition in the browser.
        live: `events` is a stream of a camera's frames (`mien live`).
        token_needed: the server asks for a token.
        detector: the name of the face detector, for the table's column.
        limits: of the server, `photo_bytes` and `video_bytes`.
    """
    info, calibration = session.info, session.info.calibration
    facts = {
        "version": __version__,
        "server": server,
        "browser": browser,
        "live": live,
        "token_needed": token_needed,
        "model": {
            "name": model_name(session.path),
            "sha256": file_sha256(session.path),
            "labels": info.labels,
            "colours": [f"#{bytes(colour).hex()}" for colour in palette(info.labels).values()],
            "threshold": calibration.abstain.threshold if calibration and calibration.abstain else None,
            "coverage": calibration.conformal.coverage if calibration and calibration.conformal else None,
            "detector": detector,
        },
        "video": {
            **{name.lower(): getattr(tracking, name) for name in ("GAP", "MISSES", "OVERLAP")},
            **{"sigma": SMOOTHING, "reach": smoothing.REACH},
        },
        "limits": {"pixels": MAX_PIXELS, **(limits or {})},
        "suffixes": {"photos": sorted(formats.SUFFIXES), "videos": sorted(video.SUFFIXES)},
    }
    return {
        "page.json": json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace"),
        "card.html": card_page(session.path).encode("utf-8", "replace"),
    }


def card_page(model: Path) -> str:
    """Return the card of a model as a page."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    text = re.sub(r"\A---\n.*?\n---\n", "", card_text(model), flags=re.DOTALL)  # for Hugging Face's hub
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    body = Markup(MarkdownIt("js-default").disable("image").render(text))  # without HTML of its own
    return render(
        "mien.page/card.html", name=model_name(model), body=body, version=__version__, sha256=file_sha256(model)
    )
