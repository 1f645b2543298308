"""Profiles and tallies of Spark data frames: the counts of one machine, made by many.

Every partition is counted where it lies (Arrow in, counts out), counts are merged on the executors, and the driver gets
one of them. A task that fails and is retried counts once, as its counts are its result. The executors need
``ml-models-monitoring[spark]`` in the driver's version.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

from ml_models.errors import DataError, MissingExtraError, ProfileError
from ml_models.profile.partitions import merge, tally_batches, tally_of
from ml_models.profile.passes import Passes
from ml_models.profile.reference import Kind, ReferenceProfile
from ml_models.profile.survey import merge_surveys, survey_batches
from ml_models.profile.tally import Tally

__all__ = ["profile", "tally"]

_SCHEMA = "slot int, part binary"
_TEXTS = {"string", "char", "varchar", "binary"}

_REMEDIES = (
    (
        r"No module named '(ml_models|numpy|scipy|pyarrow|pandas)",
        "install ml-models-monitoring[spark] on every executor, in the driver's version",
    ),
    ("DataError|ProfileError", "the message says what to do"),
    ("MemoryError|OutOfMemory|exit code 137", "give the executors more memory, or the data more partitions"),
)
_OTHERWISE = (
    "mend the rows or the step that fails there, which the executor's log names; if the cause passes by itself, allow "
    "more attempts with spark.task.maxFailures"
)


def tally(df: Any, reference: ReferenceProfile, *, ignore: Collection[str] = (), depth: int = 2) -> Tally:
    """Count a data frame in the bins of a reference.

    Only the columns that the reference profiles leave the JVM.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
    reference : ReferenceProfile
    ignore : collection of str
        Columns that are no fault, such as row ids.
    depth : int
        Rounds in which the partitions' tallies are merged, 1 or more. The first has as many tasks as Spark gives a
        shuffle of that size, the last has one; 3 suits many thousands of partitions.

    Returns
    -------
    Tally
        The same counts as on one machine. :func:`ml_models.compare` makes a report of it.

    Raises
    ------
    DataError
        If a task fails in all its attempts, and if the frame is a stream or has two columns of one name.
    MissingExtraError
        Without the extra ``spark``.
    """
    names = _names(df, depth)
    wanted = [feature.name for feature in reference.features if feature.name in names]
    found = [name for name in names if name not in ignore]
    answer = _counted(
        df,
        wanted,
        lambda batches: tally_batches(batches, reference, found),
        partial(merge, reference=reference),
        depth,
    )
    return tally_of(merge([], reference) if answer is None else answer, reference)


def profile(
    df: Any,
    *,
    prediction: str | None = None,
    label: str | None = None,
    score: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    ignore: Collection[str] = (),
    min_count: int = 1,
    multivariate: bool = False,
    depth: int = 2,
) -> ReferenceProfile:
    """Make a profile of a data frame, as :meth:`ReferenceProfile.fit` does of data on one machine.

    The frame is read once, and columns of many distinct numbers again: mostly twice, so one that is costly to compute
    should be cached. The edges are quantiles of all rows, where ``fit`` takes those of a sample if there are more than
    65,536. A column of more than 200,000 distinct texts is left out with the reason; where there are more than ten
    columns of text the limit is two million by their number, and 10,000 at least.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
    prediction, label, kinds, ignore, min_count
        As :meth:`ReferenceProfile.fit` takes them.
    score, multivariate
        Not possible here, and refused: ``fit`` calibrates on every other row, and rows on many machines have no order;
        moments take another pass. Both can come from a sample, see docs/distributed.md.
    depth : int
        As :func:`tally`.

    Raises
    ------
    ProfileError
        As :meth:`ReferenceProfile.fit`, with ``score`` or ``multivariate``, and if the frame does not give the same
        rows twice.
    DataError, MissingExtraError
        As :func:`tally`.
    """
    names = _names(df, depth)
    wanted = [f"score={score!r}"] * (score is not None) + ["multivariate"] * multivariate
    if wanted:
        raise ProfileError(
            f"reference: {' and '.join(wanted)}: not of a Spark frame; leave it out, ignore the column of scores, and "
            "take scores and moments from ReferenceProfile.fit of a sample: "
            "dataclasses.replace(profile, scores=of_sample.scores, together=of_sample.together)"
        )
    passes = Passes(
        names,
        prediction=prediction,
        label=label,
        kinds=kinds,
        ignore=ignore,
        min_count=min_count,
        texts=sum(field.dataType.typeName() in _TEXTS for field in df.schema),
        foreign={field.name: field.dataType.simpleString() for field in df.schema if not _crosses(field.dataType)},
    )
    while (question := passes.question) is not None:
        answer = _counted(
            df,
            question.columns,
            partial(survey_batches, question=question),
            partial(merge_surveys, question=question),
            depth,
        )
        passes.take(merge_surveys([], question) if answer is None else answer)
    return passes.profile


def _names(df: Any, depth: int) -> list[str]:
    """Return a frame's columns, if it can be counted."""
    for package in ("pyspark", "pyarrow", "pandas"):
        if find_spec(package) is None:
            raise MissingExtraError("Spark data frames", package, "spark")
    if not hasattr(df, "mapInArrow"):
        raise DataError(f"df: found {type(df).__name__}; give a Spark data frame")
    if df.isStreaming:
        raise DataError("df: is a stream; count each of its batches with writeStream.foreachBatch, tallies add")
    if depth < 1:
        raise DataError(f"depth: found {depth}; give at least 1")
    names: list[str] = list(df.columns)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(f"df: more than one column named {', '.join(map(repr, twice))}; rename or drop one")
    return names


def _crosses(kind: Any) -> bool:
    """Return whether Spark can hand a type to Python in every version."""
    from pyspark.sql import types as t  # noqa: PLC0415 - optional dependency

    if isinstance(kind, t.ArrayType):
        return _crosses(kind.elementType)
    if isinstance(kind, t.MapType):
        return _crosses(kind.keyType) and _crosses(kind.valueType)
    if isinstance(kind, t.StructType):
        return all(_crosses(field.dataType) for field in kind)
    plain = (t.NumericType, t.BooleanType, t.StringType, t.BinaryType, t.DateType, t.TimestampType, t.TimestampNTZType)
    return isinstance(kind, (*plain, t.CharType, t.VarcharType, t.NullType))


def _counted(
    df: Any,
    wanted: Collection[str],
    count: Callable[[Iterator[Any]], bytes],
    combine: Callable[[Iterable[bytes]], bytes],
    depth: int,
) -> bytes | None:
    """Count every partition and merge the counts on the executors; None if no partition has a row."""
    from pyspark.sql import functions as f  # noqa: PLC0415 - optional dependency

    # By place: names may hold dots and backticks, or differ in nothing but their case.
    places = {name: place for place, name in enumerate(df.columns)}
    chosen = [
        column if _crosses(df.schema[places[name]].dataType) else column.cast("string")
        for name in wanted
        for column in [f.col(f"c{places[name]}")]
    ]
    frame = df.toDF(*(f"c{place}" for place in range(len(df.columns))))
    # Without any column there would be no rows to count.
    frame = frame.select(*chosen) if chosen else frame.select(f.lit(True))
    names = list(wanted) or [""]

    def count_partition(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa  # noqa: PLC0415 - optional dependency

        yield from _answer(batches, lambda some: count(pa.RecordBatch.from_arrays(b.columns, names) for b in some))

    def merge_partition(batches: Iterator[Any]) -> Iterator[Any]:
        yield from _answer(batches, lambda some: combine(part.as_py() for batch in some for part in batch.column(1)))

    parts = frame.mapInArrow(count_partition, _SCHEMA)
    for width in _widths(df, depth):
        # By hash, so that a retried task finds every part where it was, and with it counts each once.
        shuffled = parts.repartition("slot") if width is None else parts.repartition(width, "slot")
        parts = shuffled.mapInArrow(merge_partition, _SCHEMA)
    with _explained():
        rows = parts.collect()
    return bytes(rows[0].part) if rows else None


def _answer(batches: Iterator[Any], make: Callable[[Iterator[Any]], bytes]) -> Iterator[Any]:
    """Yield one row with a partition's counts, nothing for a partition without rows."""
    import pyarrow as pa  # noqa: PLC0415 - optional dependency
    from pyspark import TaskContext  # noqa: PLC0415

    first = next(batches, None)
    if first is not None:
        task = TaskContext.get()
        slot = pa.array([0 if task is None else task.partitionId()], pa.int32())
        yield pa.RecordBatch.from_arrays([slot, pa.array([make(_chained(first, batches))])], ["slot", "part"])


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _widths(df: Any, depth: int) -> list[int | None]:
    """Return the number of tasks of each round of merging; None where Spark decides, by the size of what is merged."""
    if depth == 1:
        return [1]
    most = int(df.sparkSession.conf.get("spark.sql.shuffle.partitions"))
    return [None, *(math.ceil(most ** ((depth - round_) / (depth - 1))) for round_ in range(2, depth)), 1]


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the failure of a Spark job into an error that says what happened and what to do."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("pyspark", "py4j")):
            raise
        text = str(error)
        remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, text)), _OTHERWISE)
        raise DataError(f"df: Spark could not count it: {_cause(text)}; {remedy}") from error


def _cause(text: str) -> str:
    r"""Return the line of a failed job's long text that says what went wrong.

    Examples
    --------
    >>> _cause("Job aborted\nTraceback (most recent call last):\n  File 'x', line 1\nValueError: bad row\n\nJava")
    'ValueError: bad row'
    """
    errors = re.findall(r"^(?:Caused by: )?((?:\w+\.)*\w*(?:Error|Exception)\b:? .*)$", text, flags=re.MULTILINE)
    python = [line for line in errors if not line.startswith(("org.apache", "java.", "py4j"))]
    return str((python or errors or text.strip().splitlines() or ["unknown"])[-1])[:500].strip()
