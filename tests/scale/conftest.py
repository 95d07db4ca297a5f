from tests.brightness import astronaut, astronaut_file, make_brightness_model, model, real_photos, yunet_file

__all__ = ["astronaut", "astronaut_file", "make_brightness_model", "model", "real_photos", "yunet_file"]
