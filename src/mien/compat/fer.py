"""The interface of fer: `fer.fer.FER` and `fer.classes.Video`."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import cv2
import numpy as np

from mien.compat.inputs import EXPRESSIONS, load, seven, warn_of_detector, warn_once
from mien.core import images
from mien.core.csv_files import csv_text
from mien.core.errors import InputError, needs_extra
from mien.core.files import replacing, write_text
from mien.faces.detectors import Detections, Detector
from mien.faces.faces import Faces, VideoFaces
from mien.outputs.annotate_video import annotate_video
from mien.outputs.photos import save_jpeg
from mien.recognition import video
from mien.recognition.recognizer import Recognizer


class FER:
    """`fer.fer.FER`: faces with the probabilities of seven expressions, rounded to two digits.

    Differences: larger faces come first, a box is a list of four ints (as in fer's README; fer 25.10.3 returns an
    array), grey arrays are accepted, and what cannot be read raises InputError, a ValueError.

    Args:
        cascade_file, tfserving, use_tflite, scale_factor, min_neighbors, offsets: no effect, as mien works otherwise;
            accepted so that calls need not change. A value other than fer's default gives a warning.
        mtcnn: as in fer, faces of any size; without it those smaller than `min_face_size` are left out. Mien has no
            MTCNN: `detector` finds the faces, and a warning says so once.
        min_face_size: pixels of a face's shorter side.
        model, detector: as `Recognizer` takes them.

    Raises:
        InputError: no such model or detector, or `min_face_size` below 1.

    Example:
        >>> from mien.compat import FER
        >>> face = FER().detect_emotions("photo.jpg")[0]
        >>> face["box"], max(face["emotions"], key=face["emotions"].get)
        ([...], 'happy')
    """

    def __init__(
        self,
        cascade_file: str | None = None,
        mtcnn: bool = False,
        tfserving: bool = False,
        use_tflite: bool = True,
        scale_factor: float = 1.1,
        min_face_size: int = 50,
        min_neighbors: int = 5,
        offsets: Sequence[int] = (10, 10),
        *,
        model: str | Path = "default",
        detector: str | Path | Detector = "auto",
    ) -> None:
        if min_face_size < 1:
            raise InputError(f"min_face_size {min_face_size}: at least 1")
        given = (cascade_file, tfserving, use_tflite, scale_factor, min_neighbors, tuple(offsets))
        if given != (None, False, True, 1.1, 5, (10, 10)):
            message = "mien.compat.FER: of fer's settings only mtcnn and min_face_size have an effect"
            warnings.warn(message, stacklevel=2)
        self._smallest = 1 if mtcnn else min_face_size
        self._recognizer = Recognizer(model, detector)
        if mtcnn:
            warn_of_detector("mtcnn", self._recognizer)

    def find_faces(self, img: Any, bgr: bool = True) -> list[list[int]]:
        """Return the boxes of the faces, x, y, width, height."""
        return [face["box"] for face in self._large(load(img, bgr=bgr)).to_dicts()]

    def detect_emotions(self, img: Any, face_rectangles: Sequence[Sequence[int]] | None = None) -> list[dict[str, Any]]:
        """Return `{"box": [x, y, width, height], "emotions": {"angry": 0.02, ...}}` per face; [] where there is none.

        With `face_rectangles` no detector runs: these boxes are scored, all of them, in their order.
        """
        image = load(img)
        if face_rectangles is None:
            faces = self._large(image)
        else:
            boxes = Detections(np.asarray(face_rectangles, np.float32).reshape(-1, 4))
            # boxes given to fer usually come from a cascade
            faces = next(self._recognizer.score([self._recognizer.crop_faces(image, boxes, "haar")]))
        return self._rows(faces)

    def batch_detect_emotions(self, imgs: Sequence[Any]) -> list[list[dict[str, Any]]]:
        """Return `detect_emotions` of each image."""
        return [self.detect_emotions(img) for img in imgs]

    def top_emotion(self, img: Any) -> tuple[str, float] | tuple[None, None]:
        """Return the most probable expression of the first face, and its probability; (None, None) without a face."""
        for face in self.detect_emotions(img):
            top = max(face["emotions"], key=face["emotions"].__getitem__)
            return top, face["emotions"][top]
        return None, None

    @staticmethod
    def _rows(faces: Faces) -> list[dict[str, Any]]:
        rows = [[round(value, 2) for value in row] for row in seven(faces).tolist()]
        return [
            {"box": face["box"], "emotions": dict(zip(EXPRESSIONS, row, strict=True))}
            for face, row in zip(faces.to_dicts(), rows, strict=True)
        ]

    def _in_frame(self, image: images.Pixels, part: Mapping[str, int] | None) -> Faces:
        """Return the faces of an RGB image, or those in a part of it."""
        if part is None:
            return self._large(image, video=True)
        left, top = part["x_min"], part["y_min"]
        faces = self._large(
            images.load(np.ascontiguousarray(image[top : part["y_max"], left : part["x_max"]])), video=True
        )
        moved = np.array([left, top], np.float32)
        points = None if faces.landmarks is None else faces.landmarks + moved
        return replace(faces, boxes=faces.boxes + np.array([left, top, 0, 0], np.float32), landmarks=points)

    def _large(self, image: images.Pixels, *, video: bool = False) -> Faces:
        (faces,) = self._recognizer.batch([image], video=video)
        return faces[faces.boxes[:, 2:].min(axis=1, initial=np.inf) >= self._smallest]


class FERVideo:
    """`fer.classes.Video`: the faces of a video's frames, one after the other.

    Differences: boxes are in pixels of the frame (fer 25.10.3 adds 40 to x and y, the border that it puts around it);
    `data.csv` is written in `outdir`, not in the current folder; the copy of the video is an MP4 with its sound; what
    cannot be read raises InputError, a ValueError; damage gives a warning.

    Args:
        video_file: the video.
        outdir: the folder for what `analyze` writes; it is made then.
        first_face_only: `to_pandas` returns the first face of each frame only.
        tempfile: no effect; files are written whole or not at all.

    Example:
        >>> from mien.compat import FER, Video
        >>> video = Video("clip.mp4")
        >>> frame = video.to_pandas(video.analyze(FER(), display=False))
        >>> len(frame), Video.get_emotions(frame).columns[0]
        (10, 'angry')
    """

    def __init__(
        self,
        video_file: str | Path,
        outdir: str | Path = "output",
        first_face_only: bool = True,
        tempfile: str | None = None,
    ) -> None:
        self.filepath, self.outdir, self.first_face_only = str(video_file), str(outdir), first_face_only
        self.filename, self.tempfile = Path(video_file).name, tempfile
        video.Video(video_file).container.close()  # InputError now, not in `analyze`

    def analyze(
        self,
        detector: FER,
        display: bool = False,
        output: str = "csv",
        frequency: int | None = None,
        max_results: int | None = None,
        save_fps: int | None = None,
        video_id: str | None = None,
        save_frames: bool = True,
        save_video: bool = True,
        annotate_frames: bool = True,
        zip_images: bool = True,
        detection_box: Mapping[str, int] | None = None,
    ) -> Any:
        """Return a row for each frame with a face: box0, angry0, ... neutral0, box1, ... of the larger faces first.

        Args:
            detector: finds and scores the faces.
            display: no effect, with a warning once; `mien live --source` shows a video.
            output: `csv` returns a list of dictionaries and writes it to outdir/data.csv; `pandas` returns `to_pandas`.
            frequency: take every so many frames.
            max_results: stop after more than so many faces.
            save_fps: take so many frames a second, about, in place of `frequency`.
            video_id: what the names of the frames' files begin with; by default the video's name.
            save_frames: write the frames used to outdir/images.zip, or with `zip_images` False to `outdir`.
            save_video: write outdir/NAME_output.mp4 with boxes and bars.
            annotate_frames: draw boxes and bars in the frames too.
            detection_box: look only there: x_min, x_max, y_min, y_max in pixels.

        Raises:
            InputError: another `output`, a number below 1, nothing to be read, or nothing can be written.
        """
        if output not in ("csv", "pandas"):
            raise InputError(f"output {output!r}: expected csv or pandas")
        for name, value in (("frequency", frequency), ("max_results", max_results), ("save_fps", save_fps)):
            if value is not None and value < 1:
                raise InputError(f"{name} {value}: at least 1")
        if display:
            warn_once("mien.compat.Video: display has no effect; mien live --source FILE shows a video")
        folder, stem = Path(self.outdir), Path(self.filepath).stem
        data, results = list[list[dict[str, Any]]](), 0
        with ExitStack() as stack:
            opened = stack.enter_context(video.Video(self.filepath))
            if save_fps:
                frequency = max(1, int((opened.stream.average_rate or 25) // save_fps))
            archive = copy = None
            if save_frames and zip_images:
                archive = stack.enter_context(ZipFile(stack.enter_context(replacing(folder / "images.zip")), "w"))
            for frame in opened:
                if frame.number % (frequency or 1):
                    continue
                if save_video and copy is None:  # only now: a video without a frame has no copy
                    target = folder / f"{stem}_output.mp4"
                    copy = stack.enter_context(annotate_video(Path(self.filepath), target))
                faces = detector._in_frame(frame.image, detection_box)
                image = faces.draw(frame.image) if save_frames and annotate_frames else frame.image
                name = f"{video_id or stem}{frame.number}.jpg"
                if archive:
                    archive.writestr(name, cv2.imencode(".jpg", image[:, :, ::-1])[1].tobytes())
                elif save_frames:
                    save_jpeg(folder / name, image)
                if copy:
                    more: dict[str, Any] = {"tracks": np.arange(1, len(faces) + 1), "smoothed": faces.probabilities}
                    copy.write(VideoFaces(**vars(faces), frame=frame.number, time=frame.time, **more))
                if found := detector._rows(faces):
                    data.append(found)
                results += len(found)
                if max_results and results > max_results:
                    break
            for line in filter(None, (*opened.notes, opened.damage)):
                warnings.warn(line, stacklevel=2)
        return self.to_csv(data) if output == "csv" else self.to_pandas(data)

    def to_pandas(self, data: Any) -> Any:
        """Return what `analyze` returned as a DataFrame. MissingExtra where pandas is not installed."""
        with needs_extra("table", "a DataFrame"):
            import pandas
        frame = data if isinstance(data, pandas.DataFrame) else pandas.DataFrame(self._to_dict(data))
        return self.get_first_face(frame) if self.first_face_only and frame is not data else frame

    def to_csv(self, data: Any, filename: str = "data.csv") -> list[dict[str, Any]]:
        """Write the rows to outdir/filename and return them."""
        rows = self._to_dict(data)
        most = max((len(row) // (1 + len(EXPRESSIONS)) for row in rows), default=0)
        header = [f"{name}{number}" for number in range(most) for name in ("box", *EXPRESSIONS)]
        body = [[row.get(name) for name in header] for row in rows]
        write_text(Path(self.outdir, filename), csv_text([header, *body]))
        return rows

    @staticmethod
    def get_first_face(df: Any) -> Any:
        """Return the columns of the first face, without its number: box, angry, ... neutral."""
        first = [name for name in df.columns if name.rstrip("0123456789") == name[:-1] and name.endswith("0")]
        return df[first].rename(columns=lambda name: name[:-1]) if first else df

    @staticmethod
    def get_emotions(df: Any) -> Any:
        """Return the columns of expressions, without the boxes."""
        return df[[name for name in df.columns if "box" not in name]]

    @staticmethod
    def get_max_faces(data: Sequence[Sequence[Any]]) -> int:
        """Return the largest number of faces in a frame, of what `FER.batch_detect_emotions` returns."""
        return max(map(len, data), default=0)

    @staticmethod
    def _to_dict(data: Sequence[Any]) -> list[dict[str, Any]]:
        """Return a row for each frame, of lists of faces or of such rows."""
        return [
            frame
            if isinstance(frame, dict)
            else {
                f"{name}{number}": value
                for number, face in enumerate(frame)
                for name, value in {"box": face["box"], **face["emotions"]}.items()
            }
            for frame in data
        ]
