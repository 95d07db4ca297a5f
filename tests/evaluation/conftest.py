from tests.blocks import data, fer2013_csv, make_model, make_samples, mien, photos

__all__ = ["data", "fer2013_csv", "make_model", "make_samples", "mien", "photos"]
