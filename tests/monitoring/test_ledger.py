"""The ledger against a plain list of predictions."""

from __future__ import annotations

import random
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_models.monitoring.held import Actual, Held
from ml_models.monitoring.ids import IdMaker
from ml_models.monitoring.ledger import STATUSES, Ledger

IDS = IdMaker()


def made(number, row=0):
    return IDS.make(number, row, 0)


def join(ledger, prediction_id, label=0, now=0.0):
    """Return the class slot of the prediction that the label found, None if it found none or counts no more."""
    joined, _ = ledger.join([prediction_id], Actual(np.array([label]), np.array([np.nan])), IDS, now)
    return joined.held.codes.tolist()[0] if len(joined) else None


def add(ledger, codes, when=0.0, numbers=None, ids=None):
    ledger.add(Held.of(np.array(codes, dtype=np.int64)), when, numbers=numbers, ids=ids)


def singles(ledger, codes, when, numbers):
    add(ledger, codes, when, np.array(numbers))


def batch(ledger, codes, when, number):
    add(ledger, codes, when, np.array([number]))


@pytest.fixture
def ledger():
    return Ledger(max_rows=5, horizon=60.0)


def counts(ledger, **expected):
    assert {name: count for name, count in ledger.counts.items() if count} == expected
    return True


# --- one thing at a time --------------------------------------------------------------------------------------------


def test_a_label_finds_its_prediction_once(ledger):
    singles(ledger, [3, 1], 0.0, [10, 11])
    assert ledger.waiting == 2
    assert join(ledger, made(11)) == 1
    assert join(ledger, made(11)) is None
    assert join(ledger, made(10)) == 3
    assert counts(ledger, joined=2, duplicate=1)
    assert ledger.waiting == 0


def test_ids_never_given_out_are_orphans(ledger):
    singles(ledger, [0], 0.0, [10])
    for stranger in (made(9), "unknown", None, [1], {}, float("nan"), UUID(int=5), made(15)):
        assert join(ledger, stranger) is None
    assert counts(ledger, orphan=8)
    assert ledger.waiting == 1


def test_rows_of_a_batch_have_an_id_each(ledger):
    singles(ledger, [9], 0.0, [1])
    batch(ledger, [0, 1, 2], 0.0, 2)
    assert [join(ledger, made(2, row)) for row in (2, 0, 1)] == [2, 0, 1]
    assert join(ledger, made(1)) == 9


def test_the_newest_takes_the_place_of_the_oldest(ledger):
    singles(ledger, range(7), 0.0, range(100, 107))
    assert join(ledger, made(101)) is None
    assert [join(ledger, made(number)) for number in range(102, 107)] == [2, 3, 4, 5, 6]
    assert counts(ledger, joined=5, orphan=1, evicted=2)


def test_joined_predictions_that_leave_are_not_evicted(ledger):
    singles(ledger, range(5), 0.0, range(5))
    assert join(ledger, made(0)) == 0
    singles(ledger, [7, 7], 0.0, [5, 6])
    assert counts(ledger, joined=1, evicted=1)
    assert ledger.waiting == 5


def test_of_a_batch_larger_than_the_ledger_the_last_rows_are_held(ledger):
    singles(ledger, [99], 0.0, [1])
    batch(ledger, range(8), 0.0, 2)
    assert ledger.waiting == 5
    assert [join(ledger, made(2, row)) for row in range(8)] == [None, None, None, 3, 4, 5, 6, 7]
    assert counts(ledger, joined=5, orphan=3, evicted=4)


def test_many_calls_at_once_beyond_the_bound(ledger):
    singles(ledger, range(12), 0.0, range(12))
    assert [join(ledger, made(number)) for number in range(5, 12)] == [None, None, 7, 8, 9, 10, 11]


def test_a_ledger_of_one_row_holds_the_last():
    ledger = Ledger(max_rows=1, horizon=60.0)
    singles(ledger, [4, 5], 0.0, [1, 2])
    assert [join(ledger, made(1)), join(ledger, made(2))] == [None, 5]


def test_predictions_older_than_the_horizon_expire_and_their_labels_are_late(ledger):
    singles(ledger, [1], 0.0, [1])
    singles(ledger, [2], 30.0, [2])
    ledger.expire(60.0)
    assert counts(ledger), "exactly the horizon is not yet over"
    ledger.expire(60.1)
    assert counts(ledger, expired=1)
    assert ledger.waiting == 1
    assert join(ledger, made(1)) is None
    assert join(ledger, made(2)) == 2
    ledger.expire(1e6)
    assert counts(ledger, expired=1, late=1, joined=1)


def test_expiry_is_counted_once_and_eviction_of_the_expired_not_at_all(ledger):
    singles(ledger, range(5), 0.0, range(5))
    for _ in range(3):
        ledger.expire(100.0)
    singles(ledger, range(5), 100.0, range(5, 10))
    assert counts(ledger, expired=5)
    assert ledger.waiting == 5


def test_expiry_goes_over_more_rows_than_one_step_takes():
    ledger = Ledger(max_rows=200_000, horizon=60.0)
    batch(ledger, np.zeros(150_000, dtype=np.int64), 0.0, 1)
    batch(ledger, np.ones(10, dtype=np.int64), 50.0, 2)
    ledger.expire(70.0)
    assert (ledger.counts["expired"], ledger.waiting) == (150_000, 10)


def test_the_callers_own_ids(ledger):
    add(ledger, [1, 2, 3], 0.0, ids=["order-1", 17, ("a", 2)])
    assert [join(ledger, own) for own in ("order-1", 17, ("a", 2), "17")] == [1, 2, 3, None]
    assert join(ledger, "order-1") is None
    assert counts(ledger, joined=3, orphan=1, duplicate=1)


def test_an_own_id_given_again_is_the_newer_prediction(ledger):
    add(ledger, [1], 0.0, ids=["a"])
    add(ledger, [2], 0.0, ids=["a"])
    assert join(ledger, "a") == 2
    add(ledger, [0, 0, 0, 0], 0.0, ids=["b", "c", "d", "e"])
    assert join(ledger, "a") is None
    assert ledger.counts["duplicate"] == 1, "its newer prediction is still held, and has its label"


def test_own_ids_that_left_are_forgotten(ledger):
    for number in range(100):
        add(ledger, [0, 1], 0.0, ids=[f"a{number}", f"b{number}"])
    assert join(ledger, "a0") is None
    assert len(ledger._place_of) == len(ledger._own_ids) == 5
    add(ledger, range(8), 0.0, ids=["x"] * 8)
    add(ledger, range(8), 0.0, ids=["y"] * 8)
    assert (join(ledger, "x"), join(ledger, "y")) == (None, 7)
    assert set(ledger._place_of) == {"y"}


def test_a_row_without_an_own_id_is_found_by_the_made_one_and_never_by_none(ledger):
    add(ledger, [1, 2], 0.0, numbers=np.array([5, 6]), ids=["a", None])
    assert join(ledger, None) is None
    assert [join(ledger, "a"), join(ledger, made(6))] == [1, 2]


def test_a_call_without_rows_changes_nothing(ledger):
    batch(ledger, np.empty(0, dtype=np.int64), 0.0, 3)
    ledger.expire(100.0)
    assert join(ledger, made(3)) is None
    assert counts(ledger, orphan=1)


def test_numbers_that_go_round_are_found(ledger):
    singles(ledger, [1, 2], 0.0, [2**30 - 1, 2**30])
    assert [join(ledger, made(2**30 - 1)), join(ledger, made(0))] == [1, 2]


def test_the_statuses_are_those_of_the_label(ledger):
    assert tuple(ledger.counts) == STATUSES


# --- everything at once ---------------------------------------------------------------------------------------------


class Plain:
    """The same promises, kept by a list of every prediction ever made."""

    def __init__(self, max_rows, horizon):
        self.max_rows, self.horizon = max_rows, horizon
        self.rows = []
        self.by_id = {}
        self.counts = dict.fromkeys(STATUSES, 0)

    def add(self, codes, when, ids):
        for code, names in zip(codes, ids, strict=True):
            place = len(self.rows)
            self.rows.append([code, when, "waiting"])
            self.by_id |= dict.fromkeys(names, place)
            if place >= self.max_rows and self.rows[place - self.max_rows][2] == "waiting":
                self.rows[place - self.max_rows][2] = "gone"
                self.counts["evicted"] += 1

    def join(self, one):
        place = self.by_id.get(one, -1)
        if place < max(0, len(self.rows) - self.max_rows):
            self.counts["orphan"] += 1
            return None
        row = self.rows[place]
        ended = {"waiting": "joined", "joined": "duplicate", "expired": "late"}[row[2]]
        self.counts[ended] += 1
        if ended == "joined":
            row[2] = "joined"
            return row[0]
        return None

    def expire(self, now):
        for row in self.rows[-self.max_rows :]:
            if row[2] == "waiting" and row[1] < now - self.horizon:
                row[2] = "expired"
                self.counts["expired"] += 1

    @property
    def waiting(self):
        return sum(row[2] == "waiting" for row in self.rows)


@given(st.integers(0, 2**32), st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_any_course_of_events_ends_as_in_a_plain_list(seed, max_rows):
    rng = random.Random(seed)  # noqa: S311 - no secret
    ledger, plain = Ledger(max_rows, 50.0), Plain(max_rows, 50.0)
    number, now, known = 2**30 - 5, 0.0, ["nobody", None, ["unhashable"]]
    for _ in range(60):
        now += rng.choice([0, 0, 1, 10])
        kind = rng.randrange(5)
        size = rng.randrange(1, 2 * max_rows if kind == 1 else 4)
        codes = [rng.randrange(9) for _ in range(size)]
        if kind == 0:  # calls of one row
            numbers = [number + i for i in range(size)]
            names = [[made(one)] for one in numbers]
            add(ledger, codes, now, numbers=np.array(numbers))
            number += size
        elif kind == 1:  # a batch
            names = [[made(number, row)] for row in range(size)]
            add(ledger, codes, now, numbers=np.array([number]))
            number += 1
        elif kind == 2:  # calls of which some have ids of their own
            own = [rng.choice([None, f"own-{rng.randrange(8)}"]) for _ in codes]
            names = [[made(number + i)] + [one] * (one is not None) for i, one in enumerate(own)]
            add(ledger, codes, now, numbers=np.arange(number, number + size), ids=own)
            number += size
        elif kind == 3:
            ledger.expire(now)
            plain.expire(now)
            continue
        else:
            for _ in range(size):
                one = rng.choice(known)
                assert join(ledger, one) == plain.join(one if not isinstance(one, list) else "nobody")
            continue
        plain.add(codes, now, names)
        known += [name for few in names for name in few]
        known = known[:3] + known[-25:]
        assert ledger.waiting == plain.waiting
    assert ledger.counts == plain.counts
