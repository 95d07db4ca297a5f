"""Recognition as a function of a batch of paths: what Ray Data, Daft, Spark and Dask call. It imports none of them."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.arguments import short
from mien.core.errors import InputError, did_you_mean
from mien.core.paths import printable
from mien.core.time_rules import SMOOTHING, check_every, check_smoothing
from mien.faces.detectors import Detector
from mien.faces.faces import FRAME, PHOTO, columns
from mien.outputs.tables.parquet_format import arrow_schema
from mien.outputs.video_rows import to_rows
from mien.recognition.recognizer import Recognizer
from mien.scale.addresses import Copy
from mien.scale.reading import photo_rows, read_files

if TYPE_CHECKING:
    import pyarrow

ROWS = 4096  # of a video that wait as Python objects


class ExpressionActor:
    """A recognizer that is called with a batch of paths and returns a row per face. It can be pickled.

    Args:
        model, detector: as `Recognizer` takes them.
        column: the column of a batch that has the paths or addresses (`s3://...`, by fsspec) of photos and videos.
        every: seconds from one frame of a video to the next; 0 takes all.
        smoothing: as `Recognizer.video` takes it.
        threads: how many cores may be used. With 1 start as many actors as there are cores.
        options: further arguments of `Recognizer`.

    Attributes:
        schema: the `pyarrow.Schema` of what is returned, the same for every batch of a model: `file`; `face`, of
            photos; `frame`, `time`, `track`, `person` and `s_...`, of videos; what a table of `mien predict` has of
            each face; `error`.

    Raises:
        InputError: as `Recognizer`.
        MissingExtra: pyarrow is not installed.

    Example:
        >>> import pyarrow
        >>> from mien.scale import ExpressionActor
        >>> actor = ExpressionActor("small", every=0.2)
        >>> faces = actor(pyarrow.table({"path": ["photo.jpg", "clip.mp4"]}))
        >>> faces.select(["file", "expression", "error"]).to_pylist()[0]
        {'file': 'photo.jpg', 'expression': 'happy', 'error': None}
    """

    def __init__(
        self,
        model: str | Path = "default",
        detector: str | Path | Detector = "auto",
        *,
        column: str = "path",
        every: float = 0.0,
        smoothing: float = SMOOTHING,
        threads: int = 1,
        **options: Any,
    ) -> None:
        check_smoothing(smoothing)
        check_every(every)
        self.column, self.every, self.smoothing, self.threads = column, every, smoothing, threads
        self.recognizer = Recognizer(model, detector, threads=threads, **options)
        self.schema = arrow_schema([*PHOTO, *columns(self.recognizer.session.info.labels, FRAME), "error"])

    def __call__(self, batch: "pyarrow.Table | pyarrow.RecordBatch") -> "pyarrow.Table":
        """Return the faces in the photos and videos whose paths are in `column`, in that order.

        A photo or a frame without a face has a row with empty cells. A file that cannot be read, or a row without a
        path, has a row with `error`, and a video that cannot be read to its end has one after its frames.

        Raises:
            InputError: the batch is no table of pyarrow, has no such column, or something else than text in it.

        Warns:
            UserWarning: what of a file was not read as it is, or is odd.
        """
        import pyarrow

        if not isinstance(batch, pyarrow.Table | pyarrow.RecordBatch):
            raise InputError(f"expected a pyarrow Table, got {short(batch)} (in Ray Data: batch_format='pyarrow')")
        found = batch.schema.names
        if found.count(self.column) != 1:
            near = did_you_mean(str(self.column), {*found} - {self.column})
            raise InputError(f"a batch has the columns {', '.join(found) or '(none)'}; expected {self.column}{near}")
        names = [None if name != name else name for name in batch.column(self.column).to_pylist()]  # nan of pandas
        if wrong := [name for name in names if not isinstance(name, str | None)]:
            raise InputError(f"{self.column}: expected paths, got {short(wrong[0])}")
        rows, pieces = self._rows(names), list[Any]()
        while some := list(islice(rows, ROWS)):
            pieces.append(pyarrow.RecordBatch.from_pylist(some, schema=self.schema))
        return pyarrow.Table.from_batches(pieces, schema=self.schema)

    def _rows(self, names: Sequence[str | None]) -> Iterator[dict[str, Any]]:
        """Yield the rows of the files, in order."""
        for given, several in groupby(names, bool):
            if given:
                yield from self._file_rows(filter(None, several))
            else:
                yield from ({"file": name, "error": "no path"} for name in several)

    def _file_rows(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        for copy, photo in read_files(self.recognizer, names, workers=self.threads):
            if photo is None:
                yield from self._video(copy)
                continue
            for note in photo.notes:
                warnings.warn(f"{copy.name}: {note}", stacklevel=2)
            yield from photo_rows(copy, photo)

    def _video(self, copy: Copy) -> Iterator[dict[str, Any]]:
        try:
            for faces in self.recognizer.video(copy.path, every=self.every, smoothing=self.smoothing):
                yield from ({"file": copy.name, **row} for row in to_rows(faces))
        except InputError as error:
            yield {"file": copy.name, "error": copy.spelt(printable(error))}
