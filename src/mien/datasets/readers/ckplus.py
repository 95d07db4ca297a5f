"""CK+, the extended Cohn-Kanade set (Lucey et al. 2010, CVPR workshops; http://www.jeffcohn.net/Resources/).

cohn-kanade-images/S005/001/S005_001_00000011.png and Emotion/S005/001/S005_001_00000011_emotion.txt with a code. The
label is for that frame, the last of its sequence; the sequence begins with a neutral face, and its first frame is read
as one. The frames between are not read: they are nearly copies. Sequences without a label are left out.
"""

import re
from collections.abc import Collection
from pathlib import Path

from mien.core.console import first_few
from mien.core.csv_files import integer
from mien.core.walk import walk
from mien.datasets.dataset import ImageFile, ImageSpec, Problems
from mien.datasets.readers.listed import ListedReader, Listing, files_in, folders_within, is_image

CLASSES = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")  # the codes 0..7
FRAME = re.compile(r"(S\d{3})_(\d{3})_(\d+)")
EMOTION = "_emotion.txt"


class CkplusReader(ListedReader):
    """CK+; ids are the paths of the frames, groups the persons."""

    name = "ckplus"
    expects = "CK+ (cohn-kanade-images/ and Emotion/)"

    def recognises(self, root: Path) -> bool:
        persons = [folder for folder in folders_within(root, 3) if re.fullmatch(r"S\d{3}", folder.name)]
        sequences = (folder for person in persons for folder in folders_within(person, 1))
        return any(files_in(folder, lambda name: name.endswith(EMOTION)) for folder in sequences)

    def listing(self, root: Path, image: ImageSpec, problems: Problems) -> Listing:
        frames: dict[str, dict[str, Path]] = {}  # sequence -> frame -> file
        labels: dict[str, tuple[Path, str]] = {}  # sequence -> the file with its label, and the frame
        for path in walk(root, problems.reporter(root)):
            emotion = path.name.endswith(EMOTION)
            if match := FRAME.fullmatch(path.name.removesuffix(EMOTION) if emotion else path.stem):
                sequence = f"{match[1]}_{match[2]}"
                if emotion:
                    labels[sequence] = path, match[3]
                elif is_image(path):
                    frames.setdefault(sequence, {})[match[3]] = path
        files: list[ImageFile] = []
        without = sorted(frames.keys() - labels.keys())
        between, missing = 0, list[str]()
        for sequence, (path, frame) in sorted(labels.items()):
            text = path.read_text("utf-8", "replace").strip()
            code, found = integer(text), frames.get(sequence, {})
            if code is None or not 0 <= code < len(CLASSES):
                problems.report(path.relative_to(root), f"label {text[:20]!r}, expected 0..{len(CLASSES) - 1}")
                continue
            chosen = {min(found, default=frame): CLASSES[0]} | {frame: CLASSES[code]}
            if frame not in found:
                missing.append(f"{sequence}_{frame}")
                del chosen[frame]
            between += len(found) - len(chosen)
            for name, label in chosen.items():
                where = found[name].relative_to(root).as_posix()
                files.append(ImageFile(found[name], where, label, group=sequence.partition("_")[0]))
        problems.leave_out("labelled frames that are not there", len(missing), first_few(missing))
        problems.leave_out("frames between the neutral and the labelled one", between)
        problems.leave_out("sequences without an emotion", len(without), first_few(without))
        return Listing(files, CLASSES)

    def left_out(self, root: Path, without: Collection[str]) -> set[Path]:
        """Return the frames that are not read too: the first one left would count as neutral."""
        files = self.listing(root, ImageSpec(), Problems()).files
        kept = {file.path for file in files if file.id not in without}
        return {path for path in self.sources(root) if is_image(path)} - kept


READER = CkplusReader()
