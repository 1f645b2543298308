"""What values of a column are allowed, where that is not what the reference happens to hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_models.errors import ProfileError
from ml_models.profile.cells import category, to_floats
from ml_models.profile.times import to_seconds

_KEYS = ("min", "max", "categories", "pattern")
#: Texts whose answer is remembered.
_MEMORY = 10_000


@dataclass(frozen=True, slots=True)
class Allowed:
    """Values that are valid: they take the place of the reference's range or categories.

    Attributes
    ----------
    minimum, maximum : float or None
        Inclusive ends for numbers, and for datetimes in seconds of Unix time; None is open, infinity is never allowed.
    categories : tuple of str
        For the kinds that have categories; empty for any.
    pattern : str
        Regular expression that the whole text matches; empty for any.
    """

    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    pattern: str = ""

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any], kind: str, *, ordered: bool) -> Allowed:
        """Return what a mapping with the keys ``min``, ``max``, ``categories`` and ``pattern`` means for a column.

        Raises
        ------
        ProfileError
            If a key is unknown or does not suit the kind, or a value is impossible.

        Examples
        --------
        >>> Allowed.of("age", {"min": 0, "max": 120}, "numeric", ordered=True)
        Allowed(minimum=0.0, maximum=120.0, categories=(), pattern='')
        """
        place = f"reference: allowed values of {name!r}"
        suited = ("min", "max") if ordered else ("categories", "pattern")
        wrong = [key for key in given if key not in suited]
        if wrong or not given:
            found = ", ".join(map(repr, wrong)) or "nothing"
            raise ProfileError(f"{place}: found {found}; for kind {kind} give {' or '.join(suited)}")
        if ordered:
            low, high = (_number(place, key, given.get(key), kind) for key in suited)
            if low is not None and high is not None and low > high:
                raise ProfileError(f"{place}: min {given['min']!r} is above max {given['max']!r}")
            return cls(minimum=low, maximum=high)
        texts = [category(value) for value in given.get("categories", ())]
        if not all(isinstance(text, str) for text in texts):
            raise ProfileError(f"{place}: categories: give texts, whole numbers or booleans")
        pattern = given.get("pattern", "")
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise ProfileError(f"{place}: pattern {pattern!r}: no regular expression ({error})") from None
        return cls(categories=tuple(text for text in texts if isinstance(text, str)), pattern=pattern)

    @classmethod
    def parse(cls, text: str) -> dict[str, Any]:
        """Read what the command line takes: ``LOW..HIGH``, ``/PATTERN/`` or ``A,B,C``.

        Examples
        --------
        >>> Allowed.parse("0..120"), Allowed.parse("..5"), Allowed.parse("/[A-Z]{2}/"), Allowed.parse("Oslo,Bergen")
        ({'min': '0', 'max': '120'}, {'max': '5'}, {'pattern': '[A-Z]{2}'}, {'categories': ['Oslo', 'Bergen']})
        """
        if len(text) > 1 and text[0] == text[-1] == "/":
            return {"pattern": text[1:-1]}
        low, dots, high = text.partition("..")
        if dots:
            return {key: value for key, value in (("min", low), ("max", high)) if value}
        return {"categories": text.split(",")}


def _number(place: str, key: str, given: Any, kind: str) -> float | None:
    if given is None:
        return None
    values, _ = to_seconds([given]) if kind == "datetime" else to_floats([given])
    if not math.isfinite(values[0]):
        raise ProfileError(f"{place}: {key}: found {given!r}; give a {'moment' if kind == 'datetime' else 'number'}")
    return float(values[0])


@dataclass(slots=True)
class TextCheck:
    """Counts the cells whose category is not allowed; answers of texts are remembered."""

    allowed: Allowed
    _known: dict[str, bool] = field(default_factory=dict)

    def outside(self, counted: Iterable[tuple[Any, int]]) -> int:
        """Return how many of the cells, given as values and how often each is there, hold what is not allowed.

        Examples
        --------
        >>> TextCheck(Allowed(pattern="[A-Z]{2}")).outside([("UA", 3), ("ua", 2), (None, 5), ([1], 1)])
        2
        """
        return sum(count for value, count in counted if isinstance(text := category(value), str) and self._bad(text))

    def _bad(self, text: str) -> bool:
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _MEMORY:
                self._known.clear()
            allowed = self.allowed
            found = bool(allowed.categories and text not in allowed.categories) or bool(
                allowed.pattern and re.fullmatch(allowed.pattern, text) is None
            )
            self._known[text] = found
        return found
