"""The verb `page`."""

from pathlib import Path


def page(*, out: Path, model: str = "default", prior: str | None = None, force: bool = False) -> None:
    """Write the page as a static site that recognises faces in the browser.

    The folder holds the page, the model, the face detector and onnxruntime-web: photos, videos and the camera of who
    opens it never leave their computer. Copy it to any web space; no program runs there. Files in the folder that the
    page does not have are left alone.

    Examples:
        $ mien page --out site
        $ mien page --out site --model runs/first --force

    Args:
        out: The folder to write.
        model: default or small (the bundled models), a run folder, or an .onnx file.
        prior: The shares of the classes that answers assume: even, web (those of the training data), or a JSON file.
        force: Replace files of the same names in the folder.
    """
    import shlex

    from mien.core.streams import say, show
    from mien.models.session import Session
    from mien.page.site import write_site

    files = write_site(out, Session(model, prior=prior), force=force)
    say(
        f"wrote {len(files)} files, {sum(files.values()) / 1e6:.1f} MB: "
        + ", ".join(f"{name} ({size / 1e6:.2f} MB)" if size >= 1e5 else name for name, size in files.items()),
        "the web server must send .mjs as text/javascript and .wasm as application/wasm; browsers give a page their "
        "camera over https:// and on localhost alone",
        f"on this computer: python -m http.server --bind 127.0.0.1 --directory {shlex.quote(str(out))}",
    )
    show(out)
