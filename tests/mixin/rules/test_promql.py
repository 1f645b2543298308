"""Durations as Prometheus writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.mixin.promql import duration, seconds


@given(st.integers(min_value=0, max_value=10**12))
def test_durations_survive_being_written_and_read(milliseconds):
    assert seconds(duration(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize("wrong", ["", "1", "1.5h", "h", "1m1h", "-1m", "1 h", "1H"])
def test_what_prometheus_refuses_is_refused(wrong):
    with pytest.raises(ValueError, match="is not a Prometheus duration"):
        seconds(wrong)
