"""Milliseconds are per face, whatever the batch, and of calls after the first."""

from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.models import latency
from mien.models.session import Session


def test_latency_is_milliseconds_per_face(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def slow(self: Session, crops: object, *, batch: int) -> None:
        asked.append(batch)
        clock[0] += 1.0 if len(asked) <= 10 else 0.008  # the first calls do not count

    clock = [0.0]
    monkeypatch.setattr(Session, "probabilities", slow)
    monkeypatch.setattr("mien.models.latency.time.perf_counter", lambda: clock[0])
    found = latency.latency(model, batch=4, repeats=5)
    assert (found.batch, found.repeats, found.threads) == (4, 5, 1)
    assert found.mean == pytest.approx(2.0)
    assert found.deviation == pytest.approx(0.0, abs=1e-9)
    assert asked == [4] * 15


def test_latency_of_a_real_model_is_above_zero(model: Path) -> None:
    found = latency.latency(model, batch=2, repeats=3)
    assert 0 < found.mean < 1000
    with pytest.raises(InputError, match="no such model"):
        latency.latency("absent")
