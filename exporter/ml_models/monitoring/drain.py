"""The drain: from captured events to counts, in batches, away from the serving thread."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.catalog import LAG_BUCKETS, LATENCY_BUCKETS
from ml_models.monitoring.capture import SCALARS, Batch, is_column
from ml_models.monitoring.held import Actual, Corrected, Held
from ml_models.monitoring.ids import NUMBER_MASK, ROW_BITS, IdMaker, keys, parse
from ml_models.monitoring.ledger import Ledger, Written, actual_of, corrected_of, joined_of
from ml_models.monitoring.ledger.keys import id_key
from ml_models.monitoring.outcomes import count_outcomes
from ml_models.monitoring.outputs import Interpreter
from ml_models.monitoring.recorder import FAILED
from ml_models.monitoring.timings import count_batches
from ml_models.profile.cells import category, to_floats
from ml_models.profile.counting import TableCounter, examined
from ml_models.profile.ingest import columns
from ml_models.profile.outcomes import add_estimates
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import BUCKETS, CALL_SECONDS, CALLS, ENDS, ERRORS, PREDICTED, Layout, Tally

_BOUNDS, _LAG_BOUNDS = np.array(LATENCY_BUCKETS), np.array(LAG_BUCKETS)
_END = {name: place for place, name in enumerate(ENDS)}

#: Batches of at most as many rows are counted together with others like them: a few rows cost less than the steps do
#: that each batch takes.
_SMALL = 256


class Drain:
    """Adds events to a tally and predictions to the ledger.

    Parameters
    ----------
    layout, reference
        What features are tallied against; ``reference`` may be None.
    interpreter : Interpreter
    ledger : Ledger
    made : IdMaker
        Of the ids of calls that have none of the caller's.
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
        made: IdMaker,
        on_fault: Callable[[str, BaseException], None],
    ) -> None:
        self.layout, self.interpreter, self.ledger, self.on_fault = layout, interpreter, ledger, on_fault
        self._made = made
        self._parts: list[tuple[NDArray[np.int64], Held, Sequence[bytes | None] | None]] = []
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
        started = np.array(starts)
        seconds = (np.array(ends) - started) / 1e9
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
            self._guard("output", self._single_results, tally, numbers, results, None)
            slots[PREDICTED] += len(events)
            tally.batches[endpoint, 0] += len(events)
        else:
            rows = self._results(tally, numbers, features, results, ids)
            slots[PREDICTED] += sum(rows)
            count_batches(tally, endpoint, rows)
        self._hold(int(started.min()), int(started.max()), now)

    def _hold(self, first: int, last: int, now: float) -> None:
        """Give the ledger the predictions of calls that started between two times, in ns."""
        parts, self._parts = self._parts, []
        if not parts:
            return
        held = Held.joined([one for _, one, _ in parts])
        ids = None
        if any(own is not None for _, _, own in parts):
            ids = [one for _, rows, own in parts for one in (own or [None] * len(rows))]
        span = (self._made.milliseconds(first), self._made.milliseconds(last))
        every = parts[0][0] if len(parts) == 1 else np.concatenate([one for one, _, _ in parts])
        self.ledger.add(self._made.process, every, held, self.interpreter.classes.names, ids, *span, now=now)

    def _results(
        self,
        tally: Tally,
        numbers: Sequence[int],
        features: Sequence[Any],
        results: Sequence[Any],
        ids: Sequence[Any],
    ) -> list[int]:
        """Count outputs and hold predictions; return the rows of each call. Calls of one row go together."""
        single_numbers: list[int] = []
        single_results: list[Any] = []
        single_ids: list[Any] = []
        alike: dict[Any, list[tuple[int, Any, Any]]] = {}
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
            elif (kind := _kind_of_small(result, rows)) is not None:
                alike.setdefault(kind, []).append((number, result, own))
            else:
                self._guard("output", self._batch_result, tally, number, rows, result, own)
        for batches in alike.values():
            self._guard("output", self._small_batches, tally, batches)
        if single_numbers:
            plain = [None if _is_container(value) else value for value in single_results]
            named = single_ids if any(own is not None for own in single_ids) else None
            self._guard("output", self._single_results, tally, single_numbers, plain, named)
        return predicted

    def _single_results(
        self, tally: Tally, numbers: Sequence[int], results: Sequence[Any], ids: Sequence[Any] | None
    ) -> None:
        held = self._outputs(tally, results)
        # A call without an id of the caller's is found by the id made for it, whatever its neighbours have.
        named = [id_key(own) for own in ids] if ids is not None else None
        self._parts.append(((np.array(numbers, dtype=np.int64) & NUMBER_MASK) << ROW_BITS, held, named))

    def _batch_result(self, tally: Tally, number: int, rows: int, result: Any, own: Any) -> None:
        outputs = _as_outputs(result, rows)
        held = None if outputs is None else self._outputs(tally, outputs)
        if held is None or len(held) != rows:
            held = Held.of(np.full(rows, -1, dtype=np.int64))
        told_apart = keys(number, rows)
        count = len(told_apart)
        self._parts.append((told_apart, held[:count], _id_keys(own, rows)[:count] if own is not None else None))

    def _small_batches(self, tally: Tally, batches: Sequence[tuple[int, Any, Any]]) -> None:
        """Count batches whose outputs are of one kind, an output a row."""
        results = [result for _, result, _ in batches]
        together = list(chain.from_iterable(results)) if type(results[0]) is list else np.concatenate(results)
        told_apart = np.concatenate([keys(number, len(result)) for number, result, _ in batches])
        named = None
        if any(own is not None for _, _, own in batches):
            named = [one for _, result, own in batches for one in _id_keys(own, len(result))]
        self._parts.append((told_apart, self._outputs(tally, together), named))

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
        plain = captured if kinds == {dict} else [row for row in map(_plain_row, captured) if row is not None]
        if packed:
            table = np.frombuffer(b"".join(packed)).reshape(len(packed), -1)
            self._guard("features", self._array, tally, table)
        if plain:
            self._guard("features", self._rows, tally, plain)
        if Batch in kinds:
            alike: dict[Any, list[NDArray[Any]]] = {}
            for one in captured:
                if type(one) is not Batch or one.data is None or _plain_row(one) is not None:
                    continue
                kind = _kind_of_small(one.data, one.rows)
                if kind is not None and isinstance(one.data, np.ndarray) and one.data.ndim == 2:
                    alike.setdefault(kind, []).append(one.data)
                else:
                    self._guard("features", self._any, tally, one.data)
            for tables in alike.values():
                self._guard("features", self._any, tally, np.concatenate(tables))

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

    def labels(self, tally: Tally, ids: Sequence[Any], actuals: Sequence[Any], now: float) -> None:
        """Give the ledger the labels that are ones, and count those that are not."""
        for one, label in zip(ids, self._texts_of(list(actuals)), strict=True):
            key = id_key(one)
            if key is None or label is None:
                tally.ends[_END["invalid"]] += 1
                continue
            self.ledger.offer(key, parse(one), label, now=now)

    def _texts_of(self, actuals: list[Any]) -> list[str | None]:
        """Return labels as text: the same class, or number, has the same text whatever type carries it."""
        values: list[Any] = actuals
        if self.interpreter.task == "regression":
            numbers = to_floats(actuals)[0]
            values = [value if np.isfinite(value) else None for value in numbers.tolist()]
        names = self.interpreter.classes.names
        codes = self.interpreter.classes.codes(values).tolist()
        return [
            names[code] if 0 <= code < len(names) else category(value) or None
            for code, value in zip(codes, values, strict=True)
        ]

    def direct(self, tally: Tally, actuals: Sequence[Any], predicted: Sequence[Any] | None, scores: Any) -> int:
        """Count predictions and labels that were joined elsewhere; return how many.

        Parameters
        ----------
        tally : Tally
        actuals : sequence
        predicted : sequence or None
            Classes or numbers; None to work the classes out from the scores.
        scores : sequence or array or None
            Scores of the positive class, or rows of probabilities.
        """
        read = None if scores is None else self.interpreter.read(_as_outputs(scores, len(actuals)))
        held = Held.of(np.full(len(actuals), -1, dtype=np.int64)) if read is None else Held.of(read.codes, read.numbers)
        if predicted is not None:
            found = self.interpreter.read(_as_outputs(predicted, len(actuals)))
            held = Held.of(found.codes, held.values if found.numbers is None else found.numbers)
        texts = self._texts_of(list(actuals))
        kept = [row for row, text in enumerate(texts) if text is not None]
        tally.ends[_END["invalid"]] += len(texts) - len(kept)
        tally.ends[_END["direct"]] += len(kept)
        labels = [texts[row] or "" for row in kept]
        self._count(tally, actual_of(labels, self.interpreter.classes, self.interpreter.task), held[kept], labels)
        return len(kept)

    def settled(self, tally: Tally, written: Written) -> Corrected | None:
        """Count what the ledger has joined; return what labels have corrected, for it to be taken back."""
        classes, task = self.interpreter.classes, self.interpreter.task
        for end, count in written.ends.items():
            tally.ends[_END[end]] += count
        if written.joined:
            joined = joined_of(written.joined, classes, task)
            self._count(tally, joined.actual, joined.held, joined.labels)
            tally.lags[:-1] += np.bincount(_LAG_BOUNDS.searchsorted(joined.lags), minlength=len(_LAG_BOUNDS) + 1)
            tally.lags[-1] += round(float(joined.lags.sum()) * 1000)
        if not written.corrected:
            return None
        corrected = corrected_of(written.corrected, classes, task, self.ledger)
        count_outcomes(tally, corrected.joined.actual, corrected.joined.held, self.interpreter.positive)
        return corrected

    def _count(self, tally: Tally, actual: Actual, held: Held, labels: Sequence[str]) -> None:
        if self._label_row is not None and len(labels):
            # The distribution of labels is that of the first ones: a counter cannot take a corrected one back.
            tally.add_column(self._label_row, list(labels))
        count_outcomes(tally, actual, held, self.interpreter.positive)

    def _guard(self, stage: str, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except Exception as error:  # noqa: BLE001 - data of any kind passes here: one odd batch must cost no other one
            self.on_fault(stage, error)


def _plain_row(captured: Any) -> dict[Any, Any] | None:
    """Return a captured row of single values, None if it is something else: rows are counted together."""
    if type(captured) is dict:
        return captured
    if type(captured) is not Batch or captured.rows != 1 or type(captured.data) is not dict:
        return None
    return None if any(map(is_column, captured.data.values())) else captured.data


def _kind_of_small(values: Any, rows: int) -> Any:
    """Return what a few rows of values have in common with others that can be appended, None if nothing is known.

    Examples
    --------
    >>> _kind_of_small([0.5, 0.1], 2), _kind_of_small(np.zeros((1, 2)), 1), _kind_of_small([0.5, "no"], 2)
    (<class 'float'>, (dtype('float64'), (2,)), None)
    """
    if not 0 < rows <= _SMALL:
        return None
    if type(values) is np.ndarray:
        known = values.dtype.kind in "biufU" and values.ndim in {1, 2} and len(values) == rows
        return (values.dtype, values.shape[1:]) if known else None
    kinds = set(map(type, values)) if type(values) is list and len(values) == rows else ()
    return kinds.pop() if len(kinds) == 1 and kinds <= SCALARS else None


def _id_keys(own: Any, rows: int) -> list[bytes | None]:
    """Return the keys of a batch's ids: of each row, or of all, None for those without."""
    listed = own if isinstance(own, list | tuple | np.ndarray) else [own] * (0 if own is None else rows)
    return [id_key(one) for one in listed[:rows]] + [None] * (rows - len(listed))


def _is_container(value: Any) -> bool:
    return isinstance(value, list | tuple | dict | np.ndarray)


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
