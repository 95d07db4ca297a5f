"""Errors come back from worker processes as they were raised."""

import pickle

import pytest

from mien.core.errors import InputError, MissingExtra


@pytest.mark.parametrize("error", [InputError("a.jpg: empty"), MissingExtra("table", "a DataFrame")])
def test_errors_survive_pickle(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
