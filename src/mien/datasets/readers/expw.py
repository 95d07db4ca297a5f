"""ExpW: photos in origin/ and label.lst with a line per face (Zhang et al. 2015, http://mmlab.ie.cuhk.edu.hk/projects/
socialrelation/): `name.jpg face_id top left right bottom confidence label`, labels 0..6 as in FER2013."""

from pathlib import Path

from mien.core.csv_files import sniff
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.datasets.readers.image_list import Found, ImageList, ImageListReader
from mien.datasets.readers.listed import folders_within

CODES = {str(code): name for code, name in enumerate(FER2013)}


class ExpwReader(ImageListReader):
    """ExpW; the faces are cut out by its boxes, ids are the photos' paths with the box."""

    name = "expw"
    expects = "ExpW (label.lst and its photos)"
    names_classes = False
    codes = CODES

    def find(self, root: Path) -> Found:
        paths = [root] if root.is_file() else [folder / "label.lst" for folder in folders_within(root, 1)]
        for path in paths:
            if path.name.lower() == "label.lst" and path.is_file():
                try:
                    file = sniff(path)
                except InputError:
                    continue
                if len(file.header) == 1 and len(file.header[0].split()) >= 8:
                    return Found([ImageList(file, False, 0, 7, box=(3, 2, 4, 5), corners=True, width=8)], [])
        return Found([], [])


READER = ExpwReader()
