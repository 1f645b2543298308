"""The drain: from captured events to counts, in batches, away from the serving thread."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.catalog import LATENCY_BUCKETS
from ml_models.monitoring.capture import SCALARS, Batch
from ml_models.monitoring.held import Actual, Corrected, Held, Joined
from ml_models.monitoring.ledger import Ledger
from ml_models.monitoring.outcomes import count_outcomes
from ml_models.monitoring.outputs import Interpreter
from ml_models.monitoring.recorder import FAILED
from ml_models.monitoring.timings import count_batches
from ml_models.profile.cells import to_floats
from ml_models.profile.counting import TableCounter, examined
from ml_models.profile.ingest import columns
from ml_models.profile.outcomes import add_estimates
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import BUCKETS, CALL_SECONDS, CALLS, ERRORS, PREDICTED, Layout, Tally

_BOUNDS = np.array(LATENCY_BUCKETS)


class Drain:
    """Adds events to a tally and predictions to the ledger.

    Parameters
    ----------
    layout, reference
        What features are tallied against; ``reference`` may be None.
    interpreter : Interpreter
    ledger : Ledger
    extra : collection of str
        Keys of a row that are no features and no fault, such as a prediction id.
    on_fault : callable
        Told of a stage and an exception when an event cannot be tallied.
    """

    def __init__(
        self,
        reference: ReferenceProfile | None,
        layout: Layout,
        interpreter: Interpreter,
        ledger: Ledger,
        on_fault: Callable[[str, BaseException], None],
    ) -> None:
        self.layout, self.interpreter, self.ledger, self.on_fault = layout, interpreter, ledger, on_fault
        self.extra: set[str] = set()
        self.names: tuple[str, ...] = reference.names if reference else ()
        self._counter = TableCounter(layout, [name for name, _ in reference.skipped] if reference else ())
        self._row_of = self._counter.row_of
        self._numeric = [name for name, row in self._row_of.items() if layout.features[row].kind == "numeric"]
        self._texts = [name for name in self.names if name not in set(self._numeric)]
        self._numeric_rows = np.array([self._row_of[name] for name in self._numeric], dtype=np.intp)
        joint = layout.together.names if layout.together is not None else ()
        self._joint = np.array([self._numeric.index(name) for name in joint], dtype=np.intp)
        self._get_numbers = operator.itemgetter(*self._numeric) if self._numeric else None
        roles = {feature.role: row for row, feature in enumerate(layout.features)}
        self._prediction_row, self._label_row = roles.get("prediction"), roles.get("label")

    # --- calls ---------------------------------------------------------------------------------------------------

    def events(self, tally: Tally, endpoint: int, events: Sequence[Any], now: float) -> None:
        """Count calls of one endpoint, what they were given and what they gave."""
        numbers, starts, ends, features, results, ids = zip(*events, strict=True)
        seconds = (np.array(ends) - np.array(starts)) / 1e9
        buckets = np.bincount(_BOUNDS.searchsorted(seconds), minlength=len(_BOUNDS) + 1)
        kinds, result_kinds = set(map(type, features)), set(map(type, results))
        failed = sum([result is FAILED for result in results]) if type(FAILED) in result_kinds else 0
        slots = tally.endpoints[endpoint]
        slots[CALLS] += len(events)
        slots[ERRORS] += failed
        slots[BUCKETS:] += buckets
        tally.seconds[endpoint, CALL_SECONDS] += seconds.sum()
        self._features(tally, features, kinds)
        if Batch not in kinds and result_kinds <= SCALARS and set(map(type, ids)) == {type(None)}:
            self._guard("output", self._single_results, tally, numbers, results, None, now)
            slots[PREDICTED] += len(events)
            tally.batches[endpoint, 0] += len(events)
        else:
            rows = self._results(tally, numbers, features, results, ids, now)
            slots[PREDICTED] += sum(rows)
            count_batches(tally, endpoint, rows)

    def _results(
        self,
        tally: Tally,
        numbers: Sequence[int],
        features: Sequence[Any],
        results: Sequence[Any],
        ids: Sequence[Any],
        now: float,
    ) -> list[int]:
        """Count outputs and hold predictions; return the rows of each call. Calls of one row go together."""
        single_numbers: list[int] = []
        single_results: list[Any] = []
        single_ids: list[Any] = []
        predicted: list[int] = []
        for number, captured, result, own in zip(numbers, features, results, ids, strict=True):
            if result is FAILED:
                continue
            rows = captured.rows if type(captured) is Batch else 1
            predicted.append(rows)
            if rows == 1 and not (isinstance(result, np.ndarray | list) or hasattr(result, "to_numpy")):
                single_numbers.append(number)
                single_results.append(result)
                single_ids.append(own)
                continue
            self._guard("output", self._batch_result, tally, number, rows, result, own, now)
        if single_numbers:
            plain = [None if _is_container(value) else value for value in single_results]
            named = single_ids if any(own is not None for own in single_ids) else None
            self._guard("output", self._single_results, tally, single_numbers, plain, named, now)
        return predicted

    def _single_results(
        self, tally: Tally, numbers: Sequence[int], results: Sequence[Any], ids: Sequence[Any] | None, now: float
    ) -> None:
        held = self._outputs(tally, results)
        # A call without an id of the caller's is found by the id made for it, whatever its neighbours have.
        named = [_hashable(own) for own in ids] if ids is not None else None
        self.ledger.add(held, now, numbers=np.array(numbers), ids=named)

    def _batch_result(self, tally: Tally, number: int, rows: int, result: Any, own: Any, now: float) -> None:
        outputs = _as_outputs(result, rows)
        held = None if outputs is None else self._outputs(tally, outputs)
        if held is None or len(held) != rows:
            held = Held.of(np.full(rows, -1, dtype=np.int64))
        listed = own if isinstance(own, list | tuple | np.ndarray) else [own] * (0 if own is None else rows)
        named = [_hashable(one) for one in listed[:rows]] + [None] * (rows - len(listed))
        self.ledger.add(held, now, numbers=np.array([number]), ids=named if own is not None else None)

    def _outputs(self, tally: Tally, outputs: Any) -> Held:
        read = self.interpreter.read(outputs)
        row = self._prediction_row
        if row is not None:
            # The distribution of a reference that holds classes is one of classes, also where the model gives scores.
            by_class = read.scores and self.layout.features[row].kind != "numeric"
            tally.add_column(row, self.interpreter.classes.named(read.codes) if by_class else read.values)
        present = read.codes[read.codes >= 0]
        tally.predicted += np.bincount(present, minlength=len(tally.predicted))
        if read.numbers is not None and len(present):
            add_estimates(tally, read.codes, read.numbers, self.interpreter.positive)
        return Held.of(read.codes, read.numbers)

    # --- features ------------------------------------------------------------------------------------------------

    def _features(self, tally: Tally, captured: Sequence[Any], kinds: set[type]) -> None:
        if not self.names:
            return
        packed = captured if kinds == {bytes} else [one for one in captured if type(one) is bytes]
        plain = captured if kinds == {dict} else [one for one in captured if type(one) is dict]
        if packed:
            table = np.frombuffer(b"".join(packed)).reshape(len(packed), -1)
            self._guard("features", self._array, tally, table)
        if plain:
            self._guard("features", self._rows, tally, plain)
        if Batch in kinds:
            for one in captured:
                if type(one) is Batch and one.data is not None:
                    self._guard("features", self._any, tally, one.data)

    def _array(self, tally: Tally, table: NDArray[Any]) -> None:
        """Count rows of numbers in the reference's order of columns."""
        width = table.shape[1]
        examined(tally, len(table), missing=width < len(self.names), unexpected=width > len(self.names))
        if width != len(self.names):
            return
        if len(self._numeric) == len(self.names):
            tally.add_block(self._numeric_rows, table.T)
            if len(self._joint):
                tally.add_moments(np.array(table.T[self._joint], dtype=np.float64))
            return
        self._counter.add_features(tally, {name: table[:, i] for i, name in enumerate(self.names)}, len(table))

    def _rows(self, tally: Tally, rows: Sequence[dict[Any, Any]]) -> None:
        """Count plain rows: all at once where every one is as expected, else with a look at each cell."""
        width = len(self.names) + len(self.extra)
        if self._get_numbers is not None and set(map(len, rows)) <= {width, len(self.names)}:
            try:
                picked: Iterable[Any] = map(self._get_numbers, rows)
                flat = picked if len(self._numeric) == 1 else chain.from_iterable(picked)
                numbers = np.fromiter(flat, np.float64, len(rows) * len(self._numeric))
                texts = [[row[name] for row in rows] for name in self._texts]
            except Exception:  # noqa: BLE001, S110 - a key is missing or a cell is no number: look closer
                pass
            else:
                tally.add_block(self._numeric_rows, numbers.reshape(len(rows), -1).T)
                if len(self._joint):
                    tally.add_moments(numbers.reshape(len(rows), -1).T[self._joint])
                for name, values in zip(self._texts, texts, strict=True):
                    tally.add_column(self._row_of[name], values)
                examined(tally, len(rows))
                return
        if any(any(isinstance(value, list | tuple | np.ndarray) for value in row.values()) for row in rows):
            for row in rows:
                self._guard("features", self._any, tally, row)
            return
        for row in rows:
            self._counter.check(tally, 1, row, self.extra)
        self._counter.add_features(tally, columns(list(rows)).by_name, len(rows))

    def _any(self, tally: Tally, data: Any) -> None:
        if isinstance(data, np.ndarray) and data.dtype.kind in "biuf":
            self._array(tally, data.reshape(1, -1) if data.ndim < 2 else data)
            return
        if isinstance(data, list) and data and all(type(row) is dict for row in data):
            self._rows(tally, data)
            return
        self._counter.add(tally, columns(data, self.names), self.extra)

    # --- labels --------------------------------------------------------------------------------------------------

    def labels(
        self, tally: Tally, ids: Sequence[Any], actuals: Sequence[Any], made: Any, now: float
    ) -> tuple[Joined, Corrected]:
        """Join labels to held predictions, count the outcomes, and return what was joined and what was corrected."""
        given = list(actuals)
        is_regression = self.interpreter.task == "regression"
        codes = np.full(len(given), -1, dtype=np.int64) if is_regression else self.interpreter.classes.codes(given)
        values = to_floats(given)[0] if is_regression else np.full(len(given), np.nan)
        usable = np.isfinite(values) if is_regression else codes >= 0
        self.ledger.counts["invalid"] += int(np.count_nonzero(~usable))
        kept = np.flatnonzero(usable)
        joined, corrected = self.ledger.join(
            [ids[row] for row in kept.tolist()], Actual(codes[kept], values[kept]), made, now
        )
        if self._label_row is not None and len(joined):
            # The distribution of labels is that of the first ones: a counter cannot take a corrected one back.
            tally.add_column(self._label_row, [given[row] for row in kept[joined.rows].tolist()])
        count_outcomes(tally, joined.actual, joined.held, self.interpreter.positive)
        count_outcomes(tally, corrected.joined.actual, corrected.joined.held, self.interpreter.positive)
        return joined, corrected

    def _guard(self, stage: str, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except Exception as error:  # noqa: BLE001 - data of any kind passes here: one odd batch must cost no other one
            self.on_fault(stage, error)


def _is_container(value: Any) -> bool:
    return isinstance(value, list | tuple | dict | np.ndarray)


def _hashable(one: Any) -> Hashable:
    try:
        hash(one)
    except Exception:  # noqa: BLE001 - an id of the caller's own class may raise anything
        return None
    return one  # type: ignore[no-any-return]


def _as_outputs(result: Any, rows: int) -> Any:
    """Return a batch's outputs as an array or list of scalars, or None if there are none to count.

    Examples
    --------
    >>> _as_outputs([[0.9, 0.1], [0.4, 0.6]], 2).shape, _as_outputs([0.9, 0.1], 1).shape, _as_outputs([[0.9], []], 2)
    ((2, 2), (1, 2), None)
    """
    outputs = result.to_numpy() if hasattr(result, "to_numpy") else result
    if isinstance(outputs, list | tuple):
        outputs = _table(outputs) if any(map(_is_container, outputs)) else list(outputs)
    if not isinstance(outputs, list | np.ndarray) or getattr(outputs, "ndim", 1) not in {1, 2}:
        return None
    return _one_row(outputs) if rows == 1 < len(outputs) else outputs


def _table(rows: Sequence[Any]) -> NDArray[np.float64] | None:
    try:
        return np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):  # not numbers, or not as many in each row
        return None


def _one_row(outputs: Any) -> Any:
    """Return several outputs for one row as a table of one row, if they are probabilities that sum to 1."""
    numbers = _table(outputs)
    if numbers is None or numbers.ndim != 1:
        return outputs
    # Half precision rounds a sum by up to a thousandth.
    return numbers.reshape(1, -1) if numbers.min() >= 0 and abs(numbers.sum() - 1) < 1e-3 else outputs
