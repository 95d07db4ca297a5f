"""`mien card` from the outside: exit code, stdout, stderr, files."""

from pathlib import Path

from tests.blocks import MakeModel, Mien


def test_card_of_a_run_and_of_a_bundled_model(mien: Mien, make_model: MakeModel, tmp_path: Path) -> None:
    run = tmp_path / "run"
    make_model(run / "model.onnx")
    code, out, err = mien("card", run, "--license", "mit", "--name", "mine")
    assert (code, out, err) == (0, "", f"wrote {run / 'README.md'}\n")
    assert "# mine\n" in (run / "README.md").read_text()
    (run / "README.md").write_text("my own")
    code, _, err = mien("card", run)
    assert code == 2
    assert "--force" in err
    assert mien("card", run, "--out", tmp_path / "card.md")[0] == 0
    assert mien("card", run, "--force")[0] == 0
    code, out, err = mien("card", "default")
    assert (code, err) == (0, "")
    assert out.startswith("---\nlibrary_name: ")
