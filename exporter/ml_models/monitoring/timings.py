"""Counting what hooks note of calls besides their duration: batch sizes, waits in a queue, items of generators."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ml_models.catalog import BATCH_BUCKETS, LATENCY_BUCKETS
from ml_models.monitoring.recorder import Channel
from ml_models.profile.tally import FIRST_ITEM_SECONDS, ITEM_SECONDS, QUEUED_SECONDS, Tally

T = TypeVar("T")

_LATENCY, _BATCH = np.array(LATENCY_BUCKETS), np.array(BATCH_BUCKETS)


def count_batches(tally: Tally, endpoint: int, rows: Sequence[int]) -> None:
    """Count the rows of each call of an endpoint."""
    tally.batches[endpoint] += _bucketed(np.array(rows, dtype=np.float64), _BATCH)


def count_timings(tally: Tally, endpoint: int, channel: Channel) -> None:
    """Take an endpoint's waits and streams, and count them."""
    waits, streams = np.array(_taken(channel.waits)), np.array(_taken(channel.streams), dtype=np.int64).reshape(-1, 3)
    if len(waits):
        tally.queued[endpoint] += _bucketed(waits, _LATENCY)
        tally.seconds[endpoint, QUEUED_SECONDS] += waits.sum()
    if len(streams):
        first = streams[streams[:, 0] >= 0, 0] / 1e9
        tally.first_items[endpoint] += _bucketed(first, _LATENCY)
        tally.seconds[endpoint, FIRST_ITEM_SECONDS] += first.sum()
        tally.items[endpoint] += streams[:, 1].sum()
        tally.seconds[endpoint, ITEM_SECONDS] += streams[:, 2].sum() / 1e9


def _taken(queue: deque[T]) -> list[T]:
    return [queue.popleft() for _ in range(len(queue))]


def _bucketed(values: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.bincount(bounds.searchsorted(values), minlength=len(bounds) + 1)
