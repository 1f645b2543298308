"""What the ledger promises, in every kind of database."""

from __future__ import annotations

import random
from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_models.monitoring.ids import IdMaker
from ml_models.monitoring.ledger import LedgerSettings, open_ledger
from ml_models.monitoring.ledger import store as store_module
from monitoring.ledger.driven import CLASSES, EVERY_KIND, EVERY_SHARED_KIND, Driven

NO, YES, PERHAPS = range(3)

# --- one thing at a time --------------------------------------------------------------------------------------------


@EVERY_KIND
def test_a_label_finds_its_prediction_once(drive):
    driven = drive()
    first, second = driven.predict([YES, NO])
    driven.label(second, "yes")
    driven.label(second, "yes")
    assert driven.joined == [(NO, "yes")]
    assert driven.ends == {"joined": 1, "duplicate": 1}
    assert driven.ledger.state.awaiting == 1
    driven.label(UUID(first), "no")
    assert driven.joined[1:] == [(YES, "no")], "a database may give the id back as a UUID"


@EVERY_KIND
def test_another_label_corrects_the_first(drive):
    driven = drive()
    (one,) = driven.predict([YES])
    for text in ("no", "yes", "yes", "no"):
        driven.label(one, text, settle=False)
    driven.settle()
    driven.label(one, "perhaps")
    assert driven.joined == [(YES, "no")]
    assert driven.corrected == [(YES, "no", "yes"), (YES, "yes", "no"), (YES, "no", "perhaps")]
    assert driven.ends == {"joined": 1, "corrected": 3, "duplicate": 1}
    assert driven.ledger.state.awaiting == 0


@EVERY_KIND
def test_a_label_may_come_before_its_prediction(drive):
    """By the caller's own id or, where the label overtakes the batch of the drain, by a made one."""
    driven = drive()
    driven.label("order-7", "yes")
    driven.label("order-7", "yes")
    driven.label("order-8", "no")
    driven.label("order-8", "yes")
    assert driven.ledger.state.early == 2
    made = driven.ids.make(0, 1, int(driven.now * 1e9))
    driven.label(made, "perhaps")
    assert driven.ends == {"duplicate": 1, "corrected": 1}
    driven.predict([NO, YES, YES], own=["order-8", None, "order-7"])
    assert sorted(driven.joined) == [(NO, "yes"), (YES, "perhaps"), (YES, "yes")]
    assert driven.ledger.state.early == 0
    assert driven.ledger.state.awaiting == 0


@EVERY_KIND
def test_a_label_without_a_prediction_is_an_orphan_after_the_horizon(drive):
    driven = drive(horizon=60.0)
    driven.label("nobody", "yes")
    driven.now += 59
    driven.settle()
    assert driven.ends == {}
    driven.now += 2
    driven.settle()
    assert driven.ends == {"orphan": 1}
    assert driven.ledger.state.early == 0


@EVERY_KIND
def test_predictions_older_than_the_horizon_expire_and_their_labels_are_late(drive):
    driven = drive(horizon=60.0)
    old, labelled = driven.predict([YES, YES])
    driven.label(labelled, "yes")
    driven.now += 30
    (young,) = driven.predict([NO])
    driven.now += 31
    driven.settle()
    assert driven.ends == {"joined": 1, "expired": 1}
    driven.label(old, "yes")
    driven.label(young, "no")
    assert driven.ends == {"joined": 2, "expired": 1, "late": 1}
    assert driven.ledger.state.awaiting == 0


@EVERY_KIND
def test_labels_for_a_year_ago_are_late_at_once(drive):
    driven = drive()
    driven.predict([YES])
    old = IdMaker().make(0, 0, int((driven.now - 365 * 86_400) * 1e9))
    driven.label(old, "yes")
    assert driven.ends == {"late": 1}
    assert driven.ledger.state.early == 0


@EVERY_KIND
def test_of_more_predictions_than_are_held_the_oldest_go(drive):
    driven = drive(max_rows=10)
    ids = [one for _ in range(5) for one in driven.predict([YES, NO, YES], own=None)]
    assert driven.ledger.state.awaiting == 10
    assert driven.ends == {"evicted": 5}
    for one in ids:
        driven.label(one, "yes", settle=False)
    driven.settle()
    assert driven.ends == {"evicted": 5, "joined": 10}
    assert driven.ledger.state.early == 5
    driven.predict([YES] * 10)
    assert driven.ends["evicted"] == 5, "who has its label is not given up"


@EVERY_KIND
def test_own_ids_of_any_type_and_one_given_again(drive):
    driven = drive()
    own = ["text", "\x00\udcff", 17, b"bytes", UUID(int=5), ("a", 2), 2.5, "x" * 500, True, None]
    driven.predict([YES] * len(own), own=own)
    for one in own[:-1]:
        driven.label(one, "yes", settle=False)
    driven.label(17.0, "yes", settle=False)
    driven.settle()
    assert driven.ends == {"joined": len(own) - 1, "duplicate": 1}
    driven.predict([NO], own=["text"])
    driven.label("text", "no")
    assert driven.joined[-1] == (NO, "no"), "an id given again is the newer prediction's"
    driven.label("17", "yes")
    assert driven.ledger.state.early == 1, "text and number are different ids"


@EVERY_KIND
def test_ids_with_the_same_random_bits_of_two_processes_are_told_apart_by_their_time(drive):
    driven = drive(horizon=1e6)
    (first,) = driven.predict([YES])
    driven.number, driven.now = 0, driven.now + 100.0
    (second,) = driven.predict([NO])
    driven.label(second, "no")
    driven.label(first, "yes")
    assert driven.joined == [(NO, "no"), (YES, "yes")]


@EVERY_KIND
def test_calls_that_end_in_another_order_than_they_began_are_found(drive):
    driven = drive()
    ids = []
    for number in (5_000, 3, 5_001, 4, 1_000_000):
        driven.number = number
        ids += driven.predict([number % 3], settle=False)
    driven.settle()
    for one in ids:
        driven.label(one, "no", settle=False)
    driven.settle()
    assert sorted(code for code, _ in driven.joined) == sorted(number % 3 for number in (5_000, 3, 5_001, 4, 1_000_000))
    assert driven.ends == {"joined": 5}


@EVERY_KIND
def test_a_batch_larger_than_a_record_is_found_row_by_row(drive):
    driven = drive()
    codes = [row % 3 for row in range(5_000)]
    ids = driven.predict(codes)
    for row in (0, 1_023, 1_024, 4_999):
        driven.label(ids[row], "no")
        assert driven.joined[-1] == (row % 3, "no")


@EVERY_KIND
def test_labels_without_a_prediction_are_bounded(drive, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_EARLY", 20)
    driven = drive()
    for number in range(50):
        driven.label(f"stranger {number}", "yes")
    assert driven.ledger.state.early == 20
    assert driven.ends == {"orphan": 30}


@EVERY_KIND
def test_coverage_is_about_predictions_that_should_have_a_label(drive):
    driven = drive(horizon=1_000.0, expected_after=100.0)
    ids = driven.predict([YES] * 4)
    driven.label(ids[0], "yes")
    assert driven.ledger.state.coverage is None, "none is old enough"
    driven.now += 101
    driven.predict([NO] * 6)
    assert driven.ledger.state.coverage == 0.25


@EVERY_KIND
def test_a_clock_that_goes_back_loses_nothing(drive, monkeypatch):
    """Ages are measured by the monotonic clock; the wall clock is read once."""
    import time

    driven = drive(horizon=60.0)
    (one,) = driven.predict([YES])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    driven.now += 10
    driven.label(one, "yes")
    (other,) = driven.predict([NO])
    monkeypatch.setattr(time, "time", lambda: 4e9)
    driven.settle()
    driven.label(other, "no")
    assert driven.ends == {"joined": 2}


# --- shared ---------------------------------------------------------------------------------------------------------


@EVERY_SHARED_KIND
def test_another_worker_joins_what_one_has_predicted_and_one_of_them_counts_it(drive):
    one, other = drive(), drive()
    made, own = one.predict([YES, NO], own=[None, "order-1"])[0], "order-1"
    other.label(made, "yes")
    one.label(made, "yes")
    one.label(own, "no")
    other.label(own, "yes")
    assert (one.joined, other.joined) == ([(NO, "no")], [(YES, "yes")])
    assert other.corrected == [(NO, "no", "yes")]
    assert one.ends + other.ends == {"joined": 2, "duplicate": 1, "corrected": 1}


@EVERY_SHARED_KIND
def test_after_a_restart_predictions_and_labels_are_there(drive):
    before = drive()
    made = before.predict([YES, PERHAPS], own=["order-1", None])[1]
    before.label("order-1", "yes")
    before.label("order-2", "no")
    before.ledger.close()
    after = drive()
    after.label(made, "no")
    after.label("order-1", "yes")
    after.label("order-1", "no")
    after.predict([YES], own=["order-2"])
    assert after.joined == [(PERHAPS, "no"), (YES, "no")]
    assert after.corrected == [(YES, "yes", "no")]
    assert after.ends == {"joined": 2, "duplicate": 1, "corrected": 1}


@EVERY_SHARED_KIND
def test_ledgers_of_two_models_in_one_database_know_nothing_of_each_other(target, drive):
    one = drive()
    other = Driven(open_ledger("another", target, None, LedgerSettings(100, 60.0)))
    made = one.predict([YES], own=["a"])
    other.label("a", "yes")
    other.label(made[0], "yes")
    assert (other.joined, other.ledger.state.early) == ([], 2)
    assert one.ledger.state.awaiting == 1
    other.ledger.close()


def test_ids_made_elsewhere_are_nobodys(drive):
    driven = drive()
    driven.predict([YES])
    driven.label(IdMaker().make(0, 0, int(driven.now * 1e9)), "yes")
    assert driven.joined == []


# --- everything at once ---------------------------------------------------------------------------------------------


class Plain:
    """The same promises, kept by a list of every prediction ever made."""

    def __init__(self, horizon):
        self.horizon = horizon
        self.rows, self.by_id, self.early = [], {}, {}
        self.ends = Counter()

    def add(self, code, when, names):
        place = len(self.rows)
        self.rows.append([code, when, None])
        for name in names:
            self.by_id[name] = place
        for name in names:
            if name in self.early:
                self.label(name, self.early.pop(name)[0], when)

    def label(self, name, text, now):
        place = self.by_id.get(name)
        if place is None:
            previous = self.early.get(name)
            if previous is not None:
                self.ends["duplicate" if previous[0] == text else "corrected"] += 1
            self.early[name] = (text, now if previous is None or previous[0] != text else previous[1])
            return
        row = self.rows[place]
        if row[2] is None:
            self.ends["joined"] += 1
        else:
            self.ends["duplicate" if row[2] == text else "corrected"] += 1
        row[2] = text


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_any_course_of_events_ends_as_in_a_plain_list(seed):
    rng = random.Random(seed)  # noqa: S311 - no secret
    driven = Driven(open_ledger("m", "memory", None, LedgerSettings(1_000_000, 1e9)))
    plain, known = Plain(1e9), ["stranger"]
    for _ in range(60):
        driven.now += rng.choice([0, 0, 1, 10])
        if rng.random() < 0.4:
            codes = [rng.randrange(3) for _ in range(rng.randrange(1, 6))]
            own = [rng.choice([None, f"own-{rng.randrange(12)}"]) for _ in codes]
            if len({one for one in own if one}) < sum(one is not None for one in own):
                own = None
            ids = driven.predict(codes, own=own)
            for row, code in enumerate(codes):
                plain.add(code, driven.now, [ids[row], *([own[row]] if own and own[row] else [])])
            known += ids
        else:
            one = rng.choice([*known[-20:], f"own-{rng.randrange(12)}"])
            text = rng.choice(CLASSES)
            driven.label(one, text)
            plain.label(one, text, driven.now)
        assert driven.ledger.state.awaiting == sum(row[2] is None for row in plain.rows)
        assert driven.ledger.state.early == len(plain.early)
    assert driven.ends == plain.ends


@pytest.mark.parametrize("seed", range(3))
def test_reading_back_what_was_packed_gives_the_same(seed):
    import numpy as np

    from ml_models.monitoring.held import Held
    from ml_models.monitoring.ledger.packing import Record, pack, unpack

    rng = np.random.default_rng(seed)
    for rows in (1, 2, 50):
        values = rng.random((rows, rng.integers(1, 5)))
        values[rng.random(values.shape) < 0.3] = np.nan
        held = Held(rng.integers(-1, 21, rows), values, rng.integers(0, 2, rows).astype(np.int32))
        found = unpack(pack(Record(np.sort(rng.integers(0, 2**50, rows)), held, CLASSES)))
        np.testing.assert_array_equal(found.held.codes, held.codes)
        np.testing.assert_array_equal(found.held.values, held.values)
        np.testing.assert_array_equal(found.held.segments, held.segments)
        assert found.classes == CLASSES
