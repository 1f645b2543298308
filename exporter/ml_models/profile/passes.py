"""A reference profile of data that lies on many machines, from passes that count and bring back nothing but counts.

The profile is the one that :meth:`~ml_models.profile.ReferenceProfile.fit` makes of the same rows in memory, with edges
that are exact over all rows, where ``fit`` takes them from a sample of a million.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ml_models.errors import ProfileError
from ml_models.profile.features import (
    COARSE_BINS,
    FINE_BINS,
    MAX_CATEGORIES,
    CategoryCounts,
    FeatureProfile,
    Kind,
    Role,
    identifier_reason,
    no_bins,
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
from ml_models.stats.binning import edges_at, quantile_positions
from ml_models.stats.order import Found, Search, narrowed, to_values

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
        plan = self._plan = Plan.of(prediction, label, kinds, ignore, min_count)
        self._names = tuple(names)
        plan.check(self._names, 1)
        self._foreign = {name: kind for name, kind in (foreign or {}).items() if name not in plan.kinds}
        columns = tuple(name for name in self._names if name not in plan.ignore and name not in self._foreign)
        distinct = min(MAX_DISTINCT, DISTINCT // max(len(columns) if texts is None else texts, 1))
        self.question: Question | None = Question(
            1, columns, plan.kinds, frozenset(plan.roles), {}, _cells(len(columns)), max(distinct, DISTINCT_OF_COLUMN)
        )
        self._survey: Survey | None = None
        self._kept: dict[str, Kind] = {}
        self._skipped: dict[str, str] = {}
        self._ranks: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
        self._found: dict[str, Found] = {}
        self._searches: dict[str, Search] = {}

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
                if name in self._foreign and name not in self._plan.ignore:
                    self._skipped[name] = no_bins(self._foreign[name])
                elif name in survey.columns:
                    self._sort(name, survey.columns[name], self.question.distinct)
            some(self._kept, self._skipped)
        elif survey.rows != self._survey.rows:
            raise _changed()
        for name, ranks in list(self._ranks.items()):
            numbers = survey.columns[name].numbers
            if numbers is None:
                raise _changed()
            try:
                result = narrowed(ranks, numbers.finite, self._searches.pop(name, None))
            except ValueError:
                raise _changed() from None
            if isinstance(result, Search):
                self._searches[name] = result
            else:
                self._found[name] = result
                del self._ranks[name]
        self._ask(self.question)

    def _ask(self, last: Question) -> None:
        self.question = None
        if self._ranks:
            columns = tuple(self._ranks)
            self.question = Question(
                last.number + 1,
                columns,
                dict.fromkeys(columns, "numeric"),
                frozenset(),
                dict(self._searches),
                _cells(len(columns)),
                last.distinct,
            )

    def _sort(self, name: str, one: ColumnSurvey, distinct: int) -> None:
        """Decide on a column's kind, or why it is left out."""
        kind, reason = one.verdict or (self._plan.kinds.get(name), "every value is missing")
        if kind == "numeric" and one.values is not None and _are_classes(one.numbers):
            kind = "categorical"
        if one.values is not None and kind not in {None, "numeric"}:
            if one.values.full:
                kind, reason = None, too_many(distinct)
            elif name not in self._plan.kinds and kind == "categorical" and one.numbers is None:
                counts = one.values.counts
                reason = identifier_reason(one.values.distinct, counts.found.total() + counts.invalid)
                kind = None if reason else kind
        if kind is None:
            self._skipped[name] = reason
            return
        self._kept[name] = kind
        if kind == "numeric" and one.numbers is not None:
            n = int(one.numbers.finite.counts.sum())
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
        for name, kind in self._kept.items():
            one, role = self._survey.columns[name], self._plan.roles.get(name, "feature")
            if kind == "numeric":
                numbers = one.numbers or Numbers(1)
                features.append(_numeric(name, role, rows, numbers, self._found.get(name)))
            else:
                features.append(_counts(one.values, rows).profile(name, role, kind, self._plan.min_count))
        return ReferenceProfile(tuple(features), rows, tuple(self._skipped.items()))


def _cells(columns: int) -> int:
    fewest, most = CELLS_OF_COLUMN
    return max(fewest, min(most, CELLS // max(columns, 1)))


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


def _numeric(name: str, role: Role, rows: int, numbers: Numbers, found: Found | None) -> FeatureProfile:
    facts = numbers.facts.tolist()
    coarse, fine = np.empty(0), np.empty(0)
    upto: dict[float, int] = {}
    if found is not None:
        n = facts[PRESENT] - facts[LOWEST] - facts[HIGHEST]
        ranks = np.unique(np.concatenate([quantile_positions(n, bins) for bins in (COARSE_BINS, FINE_BINS)]))
        quantiles = {
            bins: found.values[np.searchsorted(ranks, quantile_positions(n, bins))] for bins in (COARSE_BINS, FINE_BINS)
        }
        coarse = edges_at(quantiles[COARSE_BINS])
        fine = np.union1d(edges_at(quantiles[FINE_BINS]), coarse)
        with np.errstate(over="ignore"):  # below the lowest float there is no edge
            below = np.nextafter(found.values, -np.inf)
        upto = dict(zip(below.tolist(), (found.upto - found.equal).tolist(), strict=True))
        upto |= dict(zip(found.values.tolist(), found.upto.tolist(), strict=True))
    cumulative = [facts[LOWEST] + upto[edge] for edge in fine.tolist()]
    ends = to_values(numbers.facts[LOW:]).tolist() if found is not None else [None, None]
    return FeatureProfile(
        name=name,
        role=role,
        kind="numeric",
        rows=rows,
        missing=rows - facts[PRESENT] - facts[INVALID],
        invalid=facts[INVALID],
        counts=tuple(np.diff([0, *cumulative, facts[PRESENT]]).tolist()),
        edges=tuple(fine.tolist()),
        coarse_edges=tuple(coarse.tolist()),
        minimum=ends[0],
        maximum=ends[1],
    )
