from tests.brightness import astronaut, astronaut_file, make_model, model, photos, yunet_file

__all__ = ["astronaut", "astronaut_file", "make_model", "model", "photos", "yunet_file"]
