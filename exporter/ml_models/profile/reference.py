"""The reference profile: what the data looked like when the model was good.

A profile holds edges and counts, never rows. It is frozen, and written as versioned JSON with a checksum.
"""

from __future__ import annotations

import json
import math
import secrets
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ml_models.errors import ProfileError
from ml_models.profile.cells import OTHER, UNSEEN, category, hashed, is_missing, to_floats
from ml_models.profile.ingest import Column, columns
from ml_models.stats.binning import coarse_index, cumulative_counts, quantile_edges

FORMAT = "ml-models-monitoring/reference"
VERSION = 1

FINE_BINS = 100
COARSE_BINS = 10
#: Categories that get a bin of their own; the rest share ``__other__``.
MAX_CATEGORIES = 30
#: Rows from which the edges are taken; counts are over all rows.
EDGE_SAMPLE_ROWS = 1_000_000
#: Known rare categories that are kept, as hashes, to be told from unseen ones.
MAX_HASHED = 1_000
#: A text column with more distinct values than this share of its rows is an identifier.
IDENTIFIER_SHARE = 0.5

Kind = Literal["numeric", "categorical", "boolean"]
Role = Literal["feature", "prediction", "label"]


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """One column of the reference.

    Attributes
    ----------
    name : str
    role : {'feature', 'prediction', 'label'}
    kind : {'numeric', 'categorical', 'boolean'}
    rows, missing, invalid : int
        Cells seen, and those that are missing or of a wrong type.
    counts : tuple of int
        Values per fine bin (numeric) or per category, then ``__other__`` and ``__unseen__``.
    edges : tuple of float
        Fine edges; empty unless numeric.
    coarse_edges : tuple of float
        The subset of the fine edges between the exported bins.
    minimum, maximum : float or None
        Range of the finite values.
    categories : tuple of str
        Most frequent first; empty if numeric.
    others : tuple of str
        Known categories without a bin of their own, as hashes, so that they can be told from unseen ones.
    """

    name: str
    role: Role
    kind: Kind
    rows: int
    missing: int
    invalid: int
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    coarse_edges: tuple[float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def bins(self) -> tuple[str, ...]:
        """Labels of the exported bins."""
        if self.kind == "numeric":
            return tuple(f"{i:02d}" for i in range(len(self.coarse_edges) + 1))
        return (*self.categories, OTHER, UNSEEN)

    @property
    def coarse_of_fine(self) -> np.ndarray[Any, Any]:
        """Index of the exported bin of each counted bin, shape ``(len(counts),)``."""
        if self.kind == "numeric":
            return coarse_index(np.array(self.edges), np.array(self.coarse_edges))
        return np.arange(len(self.counts))

    @property
    def ranges(self) -> tuple[str, ...]:
        """Human-readable contents of the exported bins.

        Examples
        --------
        >>> FeatureProfile("x", "feature", "numeric", 3, 0, 0, (1, 1, 1), (1.0, 2.5), (1.0, 2.5)).ranges
        ('≤ 1', '1 to 2.5', '> 2.5')
        """
        if self.kind != "numeric":
            return self.bins
        edges = self.coarse_edges
        if not edges:
            return ("any",)
        inner = [
            f"= {high:.6g}" if math.nextafter(high, -math.inf) == low else f"{low:.6g} to {high:.6g}"
            for low, high in pairwise(edges)
        ]
        return (f"≤ {edges[0]:.6g}", *inner, f"> {edges[-1]:.6g}")


@dataclass(frozen=True, slots=True)
class ReferenceProfile:
    """The profiles of all columns, and the columns that were left out with the reason."""

    features: tuple[FeatureProfile, ...]
    rows: int
    skipped: tuple[tuple[str, str], ...] = ()

    @classmethod
    def fit(
        cls,
        data: Any,
        *,
        prediction: str | None = None,
        label: str | None = None,
        kinds: Mapping[str, Kind] | None = None,
        ignore: Collection[str] = (),
    ) -> ReferenceProfile:
        """Make a profile of reference data.

        Parameters
        ----------
        data : any data that :func:`ml_models.profile.columns` takes
            Frame, table, dict of columns, or the path of a CSV or parquet file.
        prediction, label : str, optional
            Columns that hold the model's output and the true label.
        kinds : mapping, optional
            Kind per column where the inferred one is wrong.
        ignore : collection of str
            Columns to leave out, such as row ids.

        Raises
        ------
        ProfileError
            If there are no rows, a named column is missing, a kind is unknown, or nothing can be profiled.
        DataError
            If the data cannot be read.

        Examples
        --------
        >>> profile = ReferenceProfile.fit({"age": [20.0, 30.0, 40.0], "city": ["a", "b", "a"]})
        >>> [(f.name, f.kind) for f in profile.features]
        [('age', 'numeric'), ('city', 'categorical')]
        """
        table = columns(data)
        kinds = dict(kinds or {})
        roles: dict[str, Role] = {}
        if prediction is not None:
            roles[prediction] = "prediction"
        if label is not None:
            roles[label] = "label"
        absent = [name for name in (*roles, *kinds, *ignore) if name not in table.by_name]
        if absent:
            raise ProfileError(
                f"reference: no column {', '.join(map(repr, absent))}; there are {', '.join(table.by_name)}"
            )
        unknown = sorted(set(kinds.values()) - set(get_args(Kind)))
        if unknown:
            raise ProfileError(
                f"reference: unknown kind {', '.join(map(repr, unknown))}; choose from {', '.join(get_args(Kind))}"
            )
        if table.rows == 0:
            raise ProfileError("reference: no rows; give the data that the model was trained or accepted on")
        features, skipped = [], []
        for name, column in table.by_name.items():
            if name in ignore:
                continue
            role = roles.get(name, "feature")
            kind, reason = (kinds[name], "") if name in kinds else infer_kind(column)
            if name not in kinds and role != "feature" and kind == "numeric" and _are_classes(column):
                kind = "categorical"
            if kind is None:
                skipped.append((name, reason))
            elif kind == "numeric":
                features.append(_numeric(name, role, column))
            else:
                features.append(_categorical(name, role, kind, column))
        if not features:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped)
            raise ProfileError(f"reference: no column can be profiled ({reasons})")
        return cls(tuple(features), table.rows, tuple(skipped))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns with the role ``feature``, in the reference's order."""
        return tuple(feature.name for feature in self.features if feature.role == "feature")

    def role(self, role: Role) -> FeatureProfile | None:
        """Return the column with a role of which there is one."""
        return next((feature for feature in self.features if feature.role == role), None)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that tell one reference from another."""
        return _checksum(self._content())[:12]

    def _content(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "skipped": [list(pair) for pair in self.skipped],
            "features": [asdict(feature) for feature in self.features],
        }

    def to_json(self) -> str:
        """Return the profile as versioned JSON with a checksum."""
        content = self._content()
        header = {"format": FORMAT, "version": VERSION, "checksum": _checksum(content)}
        return json.dumps(header | content, separators=(",", ":"), allow_nan=False)

    def save(self, path: str | Path) -> Path:
        """Write the profile to a file, whole or not at all."""
        path = Path(path)
        # Beside the target, so that the rename stays inside one file system and is atomic.
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        try:
            temporary.write_text(self.to_json(), encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return path

    @classmethod
    def from_json(cls, text: str, source: str = "reference") -> ReferenceProfile:
        """Read a profile back, exactly as it was.

        Raises
        ------
        ProfileError
            If the text is not a profile, is damaged, or was written by a newer version.
        """
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise ProfileError(f"{source}: not JSON ({error}); make a new one with `mlmon profile`") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ProfileError(f"{source}: not a reference profile; make one with `mlmon profile`")
        if document.get("version") != VERSION:
            raise ProfileError(
                f"{source}: format version {document.get('version')}; this package reads version {VERSION}: "
                "upgrade it, or make the profile anew with `mlmon profile`"
            )
        content = {key: document.get(key) for key in ("rows", "skipped", "features")}
        if document.get("checksum") != _checksum(content):
            raise ProfileError(f"{source}: damaged: the checksum does not match; restore it or make a new one")
        entries: list[dict[str, Any]] = document["features"]
        features = tuple(FeatureProfile(**{key: _tupled(value) for key, value in entry.items()}) for entry in entries)
        return cls(features, document["rows"], tuple((name, reason) for name, reason in document["skipped"]))

    @classmethod
    def load(cls, path: str | Path) -> ReferenceProfile:
        """Read a profile from a file.

        Raises
        ------
        ProfileError
            As :meth:`from_json`, and if the file cannot be read.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ProfileError(f"{path}: cannot be read: {error}") from error
        return cls.from_json(text, str(path))


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return sha256(text.encode()).hexdigest()


def infer_kind(column: Column) -> tuple[Kind | None, str]:
    """Return the kind of a column, or None and the reason why it is left out.

    Examples
    --------
    >>> infer_kind([True, None]), infer_kind([1, 2.5]), infer_kind(["a", "b", "a", "a"])
    (('boolean', ''), ('numeric', ''), ('categorical', ''))
    >>> infer_kind([None, None])
    (None, 'every value is missing')
    """
    if isinstance(column, np.ndarray):
        if column.dtype.kind == "f" and np.isnan(column).all():
            return None, "every value is missing"
        return ("boolean" if column.dtype.kind == "b" else "numeric"), ""
    present = [value for value in column if not is_missing(value)]
    types = {type(value) for value in present}
    if not types:
        return None, "every value is missing"
    if types <= {bool, np.bool_}:
        return "boolean", ""
    if all(issubclass(kind, bool | int | float | np.number) and not issubclass(kind, np.timedelta64) for kind in types):
        return "numeric", ""
    if str in types or types == {bytes}:
        distinct = len(set(map(str, present)))
        if distinct > MAX_CATEGORIES and distinct > IDENTIFIER_SHARE * len(present):
            return None, f"looks like an identifier ({distinct} distinct values in {len(present)} rows)"
        return "categorical", ""
    found = ", ".join(sorted(kind.__name__ for kind in types))
    return None, f"values of type {found} have no bins; convert them, or name a kind"


def _are_classes(column: Column) -> bool:
    """Return whether a numeric output or label is a class number: whole, and of few values."""
    values, _ = to_floats(column)
    distinct = np.unique(values[np.isfinite(values)])
    return len(distinct) <= MAX_CATEGORIES and bool(np.all(np.mod(distinct, 1) == 0))


def _numeric(name: str, role: Role, column: Column) -> FeatureProfile:
    values, invalid = to_floats(column)
    present = values[~np.isnan(values)]
    finite = np.sort(present[np.isfinite(present)])
    # Evenly spaced order statistics have the same quantiles as the whole, to one part in a million.
    sample = (
        finite[np.linspace(0, len(finite) - 1, EDGE_SAMPLE_ROWS).astype(np.intp)]
        if (len(finite) > EDGE_SAMPLE_ROWS)
        else finite
    )
    fine, coarse = quantile_edges(sample, FINE_BINS), quantile_edges(sample, COARSE_BINS)
    fine = np.union1d(fine, coarse)
    cumulative = cumulative_counts(present[np.newaxis], np.append(fine, np.inf)[np.newaxis])[0]
    return FeatureProfile(
        name=name,
        role=role,
        kind="numeric",
        rows=len(values),
        missing=len(values) - len(present) - int(invalid.sum()),
        invalid=int(invalid.sum()),
        counts=tuple(np.diff(cumulative, prepend=0).tolist()),
        edges=tuple(fine.tolist()),
        coarse_edges=tuple(coarse.tolist()),
        minimum=float(finite[0]) if len(finite) else None,
        maximum=float(finite[-1]) if len(finite) else None,
    )


def _categorical(name: str, role: Role, kind: Kind, column: Column) -> FeatureProfile:
    texts = [category(value) for value in (column.tolist() if isinstance(column, np.ndarray) else column)]
    found = Counter(text for text in texts if isinstance(text, str))
    ranked = sorted(found, key=lambda text: (text in (OTHER, UNSEEN), -found[text], text))
    # A category named as one of our own bins would be exposed twice; it counts as one without a bin.
    named = min(MAX_CATEGORIES, sum(text not in (OTHER, UNSEEN) for text in ranked))
    top, rest = ranked[:named], ranked[named:]
    return FeatureProfile(
        name=name,
        role=role,
        kind=kind,
        rows=len(texts),
        missing=texts.count(None),
        invalid=texts.count(False),
        counts=(*(found[text] for text in top), sum(found[text] for text in rest), 0),
        categories=tuple(top),
        others=tuple(sorted(hashed(text) for text in rest[:MAX_HASHED])),
    )
