"""A ledger that a test drives, and the kinds of database that a test runs with."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from ml_models.monitoring.held import Held
from ml_models.monitoring.ids import IdMaker, keys, parse
from ml_models.monitoring.ledger import Ledger
from ml_models.monitoring.ledger.keys import id_key

EVERY_KIND = pytest.mark.parametrize("target", ["memory", "sqlite", "postgresql"], indirect=True)
EVERY_SHARED_KIND = pytest.mark.parametrize("target", ["sqlite", "postgresql"], indirect=True)

CLASSES = ("no", "yes", "perhaps")


class Driven:
    """A ledger that a test drives: predictions and labels in, the ends of joins out."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.ids = ledger, IdMaker()
        self.now, self.number = 1_000.0, 0
        self.ends: Counter[str] = Counter()
        self.joined: list[tuple[int, str]] = []
        self.corrected: list[tuple[int, str, str]] = []

    def predict(self, codes: list[int], own: list[Any] | None = None, *, settle: bool = True) -> list[str]:
        """Hold a batch; return the ids made for it."""
        number, start = self.number, int(self.now * 1e9)
        self.number += 1
        held = Held.of(np.array(codes, dtype=np.int64), np.array(codes, dtype=np.float64)[:, np.newaxis] / 10)
        when = self.ids.milliseconds(start)
        named = None if own is None else [id_key(one) for one in own]
        told_apart = keys(number, len(codes))
        self.ledger.add(self.ids.process, told_apart, held, CLASSES, named, when, when, now=self.now)
        if settle:
            self.settle()
        return [self.ids.make(number, row, start) for row in range(len(codes))]

    def label(self, one: Any, text: str, *, settle: bool = True) -> None:
        """Give a label."""
        key = id_key(one)
        assert key is not None
        self.ledger.offer(key, parse(one), text, now=self.now)
        if settle:
            self.settle()

    def settle(self) -> None:
        """Write, and note what came of it."""
        for written in self.ledger.settle(self.now):
            self.ends.update({end: count for end, count in written.ends.items() if count})
            for match in written.joined:
                codes = match.record.held.codes[match.places].tolist()
                self.joined += [(code, label.label) for code, label in zip(codes, match.labels, strict=True)]
            for match in written.corrected:
                codes = match.record.held.codes[match.places].tolist()
                texts = [label.label for label in match.labels]
                self.corrected += list(zip(codes, match.previous, texts, strict=True))
