import json
import shutil
from pathlib import Path

import pytest

from mien.models.bundled import bundled
from mien.models.session import Session
from mien.page.facts import card_page, describe


@pytest.mark.parametrize("name", bundled())
def test_a_bundled_model_is_described_with_its_card(name: str) -> None:
    session = Session(name, threads=1)
    files = describe(session, server=True, limits={"photo_bytes": 5})
    facts = json.loads(files["page.json"])
    assert [facts[key] for key in ("server", "browser", "live", "token_needed")] == [True, False, False, False]
    assert facts["model"]["name"] == name
    assert tuple(facts["model"]["labels"]) == session.info.labels
    assert len(facts["model"]["colours"]) == len(session.info.labels)
    assert 0 < facts["model"]["threshold"] < facts["model"]["coverage"] < 1
    assert facts["limits"]["photo_bytes"] == 5
    assert {".jpg", ".heic"} <= set(facts["suffixes"]["photos"])
    card = files["card.html"].decode()
    assert f"<h1>Model card: {name}</h1>" in card
    assert "<table>" in card
    assert facts["model"]["sha256"] in card


def test_only_a_card_that_mien_wrote_is_shown(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    shutil.copy(bundled()["small"], model)
    assert "has no card" in card_page(model)
    readme = tmp_path / "README.md"
    readme.write_text("# Passwords of the project\n")
    assert "Passwords" not in card_page(model)
    text = "---\nlicense: mit\n---\n# Mine <script>alert(1)</script>\n\n[a](javascript:alert(1)) ![b](http://c/d.png)\n"
    readme.write_text(text.replace("# Mine", f"<!-- mien card {'0' * 16} -->\n# Mine"))
    page = card_page(model)
    assert "<h1>Mine &lt;script&gt;" in page
    assert "license" not in page
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
