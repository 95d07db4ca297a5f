from tests.brightness import make_brightness_model, model

__all__ = ["make_brightness_model", "model"]
