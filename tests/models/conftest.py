from tests.blocks import make_model, mien
from tests.brightness import astronaut, astronaut_file, make_brightness_model, model, real_photos, yunet_file

__all__ = [
    "astronaut", "astronaut_file", "make_brightness_model", "make_model", "mien", "model", "real_photos", "yunet_file",
]  # fmt: skip
