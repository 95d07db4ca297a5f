"""Names that Pillow's own font cannot draw."""

from pathlib import Path

import pytest
from PIL import ImageFont

from mien.core import fonts
from mien.core.errors import InputError
from mien.core.fonts import drawable, load_font


@pytest.fixture(autouse=True)
def _no_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave Pillow's own font alone, whatever this machine has."""
    monkeypatch.setattr(fonts, "FONTS", ())
    fonts._choose.cache_clear()


def test_letters_that_no_font_has_are_spelt_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawable(["happy", "énervé", "지루함", "ok 🙂"]) == ("happy", "enerve", "class 2", "ok")
    assert "énervé as enerve, 지루함 as class 2, ok 🙂 as ok; MIEN_FONT" in capsys.readouterr().err


def test_ascii_stays_and_long_names_are_cut_apart() -> None:
    assert drawable(["happy", "sad"]) == ("happy", "sad")
    long = "a very long name of a class number "
    assert drawable([f"{long}1", f"{long}2"]) == ("a very long name of a.. 0", "a very long name of a.. 1")


def test_a_font_of_the_users_own_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        ImageFont.truetype("DejaVuSans.ttf", 10)
    except OSError:
        pytest.skip("needs DejaVu Sans")
    monkeypatch.setenv("MIEN_FONT", "DejaVuSans.ttf")
    assert drawable(["énervé", "Злость"]) == ("énervé", "Злость")
    assert load_font(20).getname()[0] == "DejaVu Sans"
    assert drawable(["happy", "sad"]) == ("happy", "sad")
    assert load_font(20).getname()[0] != "DejaVu Sans"  # pictures of other models look as before
    drawable(["énervé", "Злость"])
    (tmp_path / "no.ttf").write_text("no font")
    monkeypatch.setenv("MIEN_FONT", str(tmp_path / "no.ttf"))
    with pytest.raises(InputError, match=r"MIEN_FONT: .*no\.ttf: no font that can be read"):
        load_font(20)
