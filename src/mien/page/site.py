"""The page as a static site: files that any web space can serve, with the model in them."""

import os
from pathlib import Path

from mien.core.console import first_few
from mien.core.errors import InputError
from mien.core.files import check_folder, replacing, writing
from mien.models.session import Session
from mien.page.facts import describe
from mien.page.files import in_browser, page_files

INDEX = "index.html"


def write_site(folder: Path, session: Session, *, force: bool = False) -> dict[str, int]:
    """Write the page with a model into a folder; other files in it are left alone.

    Args:
        folder: made where it is missing.
        session: the model; its output and its prior count.
        force: replace files of the same names whose content is another one.

    Returns:
        The files, paths below the folder with /, and their sizes in bytes.

    Raises:
        InputError: a file is in the way, the folder cannot be written, the model's weights are not all in its file, or
            onnxruntime-web is not in the package.

    Example:
        >>> write_site(Path("site"), Session("small"))["index.html"]  # doctest: +SKIP
        12345
    """
    if not in_browser():
        raise InputError(
            "onnxruntime-web, by which browsers recognise faces, is not in this installation, which was built without "
            "npm; install npm, and mien again: pip install --force-reinstall --no-deps mien, or from a checkout: -e ."
        )
    _check_whole(session)
    check_folder(folder)
    found = page_files(session) | describe(session, browser=True)
    contents = {name: one if isinstance(one, bytes) else one.read_bytes() for name, one in found.items()}
    new = [name for name, content in contents.items() if not _is_there(folder / name, content)]
    if not force and (taken := [name for name in new if os.path.lexists(folder / name)]):
        raise InputError(
            f"{folder}: other files have these names: {first_few(taken)}; --force replaces them, --out writes elsewhere"
        )
    for name in sorted(new, key=lambda name: name == INDEX):  # without it there is no page: it comes last
        with replacing(folder / name) as part:
            part.write_bytes(contents[name])
    return {name: len(content) for name, content in contents.items()}


def _is_there(path: Path, content: bytes) -> bool:
    with writing(path):
        return path.is_file() and not path.is_symlink() and path.read_bytes() == content


def _check_whole(session: Session) -> None:
    """Raise InputError where weights are in files of their own, which a browser would not get."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(session.path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime raises bare pybind exceptions of its own
        raise InputError(
            f"{session.path}: its weights are in another file; save it as one: onnx.save_model(onnx.load(FILE), NEW)"
        ) from None
