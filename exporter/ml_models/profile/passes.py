"""A reference profile of data that lies on many machines, from passes that count and bring back nothing but counts.

The profile is the one that :meth:`~ml_models.profile.ReferenceProfile.fit` makes of the same rows in memory. Its edges
are exact over all rows, however many, where ``fit`` takes those of a sample if there are more than
:data:`~ml_models.profile.features.EDGE_SAMPLE_ROWS`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ProfileError
from ml_models.profile.features import (
    COARSE_BINS,
    FINE_BINS,
    MAX_CATEGORIES,
    ORDERED_KINDS,
    CategoryCounts,
    FeatureProfile,
    Kind,
    identifier_reason,
    no_bins,
    number_note,
)
from ml_models.profile.fitting import MAX_DISTINCT, Plan, some, too_many
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.survey import (
    HIGHEST,
    INVALID,
    LOW,
    LOWEST,
    PRESENT,
    ColumnSurvey,
    Numbers,
    Question,
    Survey,
    Values,
    survey_of,
)
from ml_models.stats.binning import edges_at, nested_edges, quantile_positions
from ml_models.stats.order import Histogram, Search, narrowed, to_keys, to_values

Integers = NDArray[np.int64]
#: Fine edges, and the coarse ones among them.
Edges = tuple[NDArray[np.float64], NDArray[np.float64]]

#: Cells of all histograms of a part together, and of one column's; a cell takes 16 bytes.
CELLS = 2_000_000
CELLS_OF_COLUMN = (1_024, 65_536)
#: Distinct values of all columns of a part together that are told apart, and the least of one column's.
DISTINCT = 2_000_000
DISTINCT_OF_COLUMN = 10_000


class Passes:
    """Asks questions until the profile is known.

    Parameters
    ----------
    names : sequence of str
        The data's columns, in order.
    prediction, label, kinds, ignore, min_count
        As :meth:`~ml_models.profile.ReferenceProfile.fit` takes them.
    texts : int, optional
        How many columns may have categories; fewer than the columns, where their types are known.
    foreign : mapping, optional
        Type of the columns that cannot be counted at all, by name; they are left out unless a kind is given.

    Attributes
    ----------
    question : Question or None
        To be answered by every part; None when the profile is known.

    Examples
    --------
    >>> from ml_models.profile.survey import merge_surveys, survey_batches
    >>> parts = {"x": [1.0, 2.0]}, {"x": [3.0, None]}
    >>> passes = Passes(["x"])
    >>> while passes.question is not None:
    ...     answers = [survey_batches(part, passes.question) for part in parts]
    ...     passes.take(merge_surveys(answers, passes.question))
    >>> passes.profile == ReferenceProfile.fit({"x": [1.0, 2.0, 3.0, None]})
    True
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        prediction: str | None = None,
        label: str | None = None,
        kinds: Mapping[str, Kind] | None = None,
        ignore: Collection[str] = (),
        min_count: int = 1,
        texts: int | None = None,
        foreign: Mapping[str, str] | None = None,
    ) -> None:
        plan = self._plan = Plan.of(prediction, label, None, kinds, ignore, min_count)
        self._names = tuple(names)
        plan.check(self._names, 1)
        self._foreign = {name: kind for name, kind in (foreign or {}).items() if name not in plan.kinds}
        columns = tuple(name for name in self._names if not plan.leaves_out(name) and name not in self._foreign)
        distinct = min(MAX_DISTINCT, DISTINCT // max(len(columns) if texts is None else texts, 1))
        self.question: Question | None = Question(
            1,
            columns,
            plan.kinds,
            frozenset(plan.roles),
            searches={},
            edges={},
            cells=_cells(len(columns)),
            distinct=max(distinct, DISTINCT_OF_COLUMN),
        )
        self._survey: Survey | None = None
        self._kept: dict[str, tuple[Kind, str]] = {}
        self._skipped: dict[str, str] = {}
        self._ranks: dict[str, Integers] = {}
        self._searches: dict[str, Search] = {}
        self._values: dict[str, dict[int, float]] = {}
        self._edges: dict[str, Edges] = {}
        self._uncounted: set[str] = set()
        self._upto: dict[str, Integers] = {}

    def take(self, answer: bytes) -> None:
        """Learn from the merged answers of all parts, and ask the next question.

        Raises
        ------
        ProfileError
            If nothing can be profiled, or the data is not what it was in the pass before.
        """
        if self.question is None:
            raise ValueError("there is no question left")
        survey = survey_of(answer, self.question)
        if self._survey is None:
            self._survey = survey
            self._plan.check(self._names, survey.rows)
            for name in self._names:
                if name in self._foreign and not self._plan.leaves_out(name):
                    self._skipped[name] = no_bins(self._foreign[name])
                elif name in survey.columns:
                    self._sort(name, survey.columns[name], self.question.distinct)
            some(self._kept, self._skipped)
        elif survey.rows != self._survey.rows:
            raise _changed()
        for name in self._uncounted:
            self._upto[name] = self._checked(name, _numbers(survey, name).upto)
        self._uncounted.clear()
        for name, ranks in list(self._ranks.items()):
            self._look(name, ranks, _numbers(survey, name).finite)
        self._ask(self.question)

    def _look(self, name: str, ranks: Integers, histogram: Histogram) -> None:
        """Learn a column's edges from its histogram, or where to look for them next."""
        search = self._searches.pop(name, None)
        try:
            found = narrowed(ranks, histogram, search)
        except ValueError:
            raise _changed() from None
        if isinstance(found, Search):
            self._searches[name] = found
            return
        del self._ranks[name]
        kind, note = self._kept[name]
        if name not in self._plan.kinds and kind == "numeric" and histogram.counts.max() == 1:
            note = number_note(to_values(histogram.cells))
        self._kept[name] = kind, note
        values = self._values[name] = dict(zip(ranks.tolist(), found.tolist(), strict=True))
        n = self._finite(name)
        fine, coarse = (
            edges_at(np.array([values[rank] for rank in quantile_positions(n, bins).tolist()]))
            for bins in (FINE_BINS, COARSE_BINS)
        )
        self._edges[name] = nested_edges(fine, coarse)
        if search is None:  # every value is in the histogram
            ends = np.append(0, np.cumsum(histogram.counts))
            upto = ends[np.searchsorted(histogram.cells, to_keys(self._edges[name][0]), side="right")]
            self._upto[name] = np.append(upto + self._facts(name)[LOWEST], self._facts(name)[PRESENT])
        else:
            self._uncounted.add(name)

    def _ask(self, last: Question) -> None:
        self.question = None
        columns = tuple(name for name in self._kept if name in self._searches or name in self._uncounted)
        if columns:
            self.question = Question(
                last.number + 1,
                columns,
                {name: self._kept[name][0] for name in columns},
                frozenset(),
                dict(self._searches),
                {name: np.append(self._edges[name][0], np.inf) for name in columns if name in self._uncounted},
                _cells(len(self._searches)),
                last.distinct,
            )

    def _checked(self, name: str, upto: Integers) -> Integers:
        """Return the counts up to a column's edges, if they go with the quantiles that were found."""
        ranks, values = (np.array(list(part)) for part in zip(*self._values[name].items(), strict=True))
        least = ranks + 1 + self._facts(name)[LOWEST]
        if upto[-1] != self._facts(name)[PRESENT] or np.any(
            upto[np.searchsorted(self._edges[name][0], values)] < least
        ):
            raise _changed()
        return upto

    def _facts(self, name: str) -> list[int]:
        if self._survey is None:
            raise ValueError("no answer yet")
        facts: list[int] = _numbers(self._survey, name).facts.tolist()
        return facts

    def _finite(self, name: str) -> int:
        """Return how many finite values a column has."""
        facts = self._facts(name)
        return facts[PRESENT] - facts[LOWEST] - facts[HIGHEST]

    def _sort(self, name: str, one: ColumnSurvey, distinct: int) -> None:
        """Decide on a column's kind, or why it is left out."""
        kind, reason = one.verdict or (self._plan.kinds.get(name), "every value is missing")
        if kind == "numeric" and one.values is not None and _are_classes(one.numbers):
            kind = "categorical"
        if one.values is not None and kind is not None and kind not in ORDERED_KINDS:
            if one.values.full:
                kind, reason = None, too_many(distinct)
            elif name not in self._plan.kinds and kind == "categorical" and one.numbers is None:
                counts = one.values.counts
                reason = identifier_reason(one.values.distinct, counts.found.total() + counts.invalid)
                kind = None if reason else kind
        if kind is None:
            self._skipped[name] = reason
            return
        self._kept[name] = kind, ""
        if kind in ORDERED_KINDS and one.numbers is not None:
            n = self._finite(name)
            if n:
                positions = [quantile_positions(n, bins) for bins in (COARSE_BINS, FINE_BINS)]
                self._ranks[name] = np.unique(np.concatenate(positions))

    @property
    def profile(self) -> ReferenceProfile:
        """The profile, once no question is left."""
        if self.question is not None or self._survey is None:
            raise ValueError("there is a question left")
        rows = self._survey.rows
        features = []
        for name, (kind, note) in self._kept.items():
            one, role = self._survey.columns[name], self._plan.roles.get(name, "feature")
            if kind not in ORDERED_KINDS:
                features.append(_counts(one.values, rows).profile(name, role, kind, self._plan.min_count))
                continue
            facts = (one.numbers or Numbers(1)).facts.tolist()
            fine, coarse = self._edges.get(name, (np.empty(0), np.empty(0)))
            ends = to_values(np.array(facts[LOW:])).tolist() if name in self._edges else [None, None]
            features.append(
                FeatureProfile(
                    name=name,
                    role=role,
                    kind=kind,
                    rows=rows,
                    missing=rows - facts[PRESENT] - facts[INVALID],
                    invalid=facts[INVALID],
                    counts=tuple(np.diff(self._upto.get(name, facts[PRESENT : PRESENT + 1]), prepend=0).tolist()),
                    edges=tuple(fine.tolist()),
                    coarse_edges=tuple(coarse.tolist()),
                    minimum=ends[0],
                    maximum=ends[1],
                    note=note,
                )
            )
        return ReferenceProfile(tuple(features), rows, tuple(self._skipped.items()))


def _cells(columns: int) -> int:
    fewest, most = CELLS_OF_COLUMN
    return max(fewest, min(most, CELLS // max(columns, 1)))


def _numbers(survey: Survey, name: str) -> Numbers:
    numbers = survey.columns[name].numbers
    if numbers is None:
        raise _changed()
    return numbers


def _changed() -> ProfileError:
    return ProfileError(
        "reference: the data changed between two passes over it; give data that stays: write it to files first, or "
        "keep it with cache() or persist()"
    )


def _are_classes(numbers: Numbers | None) -> bool:
    if numbers is None or numbers.finite.shift or len(numbers.finite.cells) > MAX_CATEGORIES:
        return False
    return bool(np.all(np.mod(to_values(numbers.finite.cells), 1) == 0))


def _counts(values: Values | None, rows: int) -> CategoryCounts:
    counts = CategoryCounts() if values is None else values.counts
    counts.rows, counts.missing = rows, rows - counts.found.total() - counts.invalid
    return counts
