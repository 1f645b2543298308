"""The reference profile: what the data looked like when the model was good.

A profile holds edges and counts, never rows. It is frozen, and written as versioned JSON with a checksum.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ml_models.errors import ProfileError
from ml_models.profile.allowed import Allowed
from ml_models.profile.features import (
    COARSE_BINS,
    EDGE_SAMPLE_ROWS,
    FINE_BINS,
    IDENTIFIER_SHARE,
    MAX_CATEGORIES,
    MAX_HASHED,
    FeatureProfile,
    Kind,
    Role,
    infer_kind,
)
from ml_models.profile.fitting import Plan, fit_columns
from ml_models.profile.form import decoded, encoded
from ml_models.profile.scores import ScoreProfile
from ml_models.profile.sources import Progress, Source
from ml_models.profile.together import MomentProfile

__all__ = [
    "COARSE_BINS",
    "EDGE_SAMPLE_ROWS",
    "FINE_BINS",
    "FORMAT",
    "IDENTIFIER_SHARE",
    "MAX_CATEGORIES",
    "MAX_HASHED",
    "VERSION",
    "FeatureProfile",
    "Kind",
    "ReferenceProfile",
    "Role",
    "infer_kind",
]

FORMAT = "ml-models-monitoring/reference"
VERSION = 2


@dataclass(frozen=True, slots=True)
class ReferenceProfile:
    """The profiles of all columns, the columns that were left out with the reason, and scores beside labels."""

    features: tuple[FeatureProfile, ...]
    rows: int
    skipped: tuple[tuple[str, str], ...] = ()
    scores: ScoreProfile | None = None
    together: MomentProfile | None = None

    @classmethod
    def fit(
        cls,
        data: Any,
        *,
        prediction: str | None = None,
        label: str | None = None,
        score: str | None = None,
        kinds: Mapping[str, Kind] | None = None,
        ignore: Collection[str] = (),
        min_count: int = 1,
        allowed: Mapping[str, Mapping[str, Any]] | None = None,
        multivariate: bool = False,
        progress: Progress | None = None,
    ) -> ReferenceProfile:
        """Make a profile of reference data of any size.

        Counts are over all rows. Files and queries are read twice, data that can be read once is kept aside on disk as
        far as it is numbers; edges come from at most :data:`EDGE_SAMPLE_ROWS` rows drawn from all of them.

        Parameters
        ----------
        data : any data that :func:`ml_models.profile.sources.batches` takes
            Frame, table, dict of columns, path, folder, pattern, URL, query or iterator.
        prediction, label : str, optional
            Columns that hold the model's output and the true label.
        score : str, optional
            Column that holds the score of the positive class, from 0 to 1. With the label it shows how far scores are
            probabilities, by which performance is estimated before labels come. It is no feature.
        kinds : mapping, optional
            Kind per column where the inferred one is wrong.
        ignore : collection of str
            Columns to leave out, such as row ids.
        min_count : int
            Categories seen fewer times than this get no bin of their own; they are counted in ``__other__``.
        allowed : mapping, optional
            By column, what is valid where that is not what the reference holds; see :meth:`allowing`.
        multivariate : bool
            Keep how the numeric features go together too, which takes data that can be read twice, and room for a
            number per pair of features.
        progress : callable, optional
            Called with the rows read so far and the rows to read, None where nothing tells them.

        Raises
        ------
        ProfileError
            If there are no rows, a named column is missing, a kind is unknown, allowed values are impossible, or
            nothing can be profiled.
        DataError
            If the data cannot be read.

        Examples
        --------
        >>> profile = ReferenceProfile.fit({"age": [20.0, 30.0, 40.0], "city": ["a", "b", "a"]})
        >>> [(f.name, f.kind) for f in profile.features]
        [('age', 'numeric'), ('city', 'categorical')]
        """
        source = data if isinstance(data, Source) else Source(data)
        made = cls(*fit_columns(source, Plan.of(prediction, label, score, kinds, ignore, min_count), progress))
        if multivariate:
            made = replace(made, together=_together(source, made.features))
        return made.allowing(allowed or {})

    def allowing(self, allowed: Mapping[str, Mapping[str, Any]]) -> ReferenceProfile:
        """Return the profile with other valid values than those that the reference holds.

        They decide what counts as out of range; bins and drift stay as they are.

        Parameters
        ----------
        allowed : mapping
            By column: ``min`` and ``max`` for numbers and datetimes, ``categories`` or ``pattern`` (a regular
            expression for the whole text) for the others.

        Raises
        ------
        ProfileError
            If a column is not in the profile, or its allowed values do not suit its kind or are impossible.

        Examples
        --------
        >>> profile = ReferenceProfile.fit({"age": [20.0, 30.0]}).allowing({"age": {"min": 0, "max": 120}})
        >>> profile.features[0].valid_range
        (0.0, 120.0)
        """
        unknown = [name for name in allowed if name not in {feature.name for feature in self.features}]
        if unknown:
            names = ", ".join(feature.name for feature in self.features)
            raise ProfileError(f"reference: allowed values of {', '.join(map(repr, unknown))}: no such column; {names}")
        features = tuple(
            replace(f, allowed=Allowed.of(f.name, allowed[f.name], f.kind, ordered=f.ordered))
            if f.name in allowed
            else f
            for f in self.features
        )
        return replace(self, features=features)

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
        together = {} if self.together is None else {"together": self.together.encoded()}
        content = together | {
            "rows": self.rows,
            "skipped": [list(pair) for pair in self.skipped],
            "features": [encoded(feature) for feature in self.features],
        }
        # Left out where there is none, so that profiles without scores stay as they were.
        return content | ({"scores": asdict(self.scores)} if self.scores else {})

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
        content |= {key: document[key] for key in ("scores", "together") if key in document}
        if document.get("checksum") != _checksum(content):
            raise ProfileError(f"{source}: damaged: the checksum does not match; restore it or make a new one")
        try:
            features = tuple(decoded(entry) for entry in document["features"])
            skipped = tuple((str(name), str(reason)) for name, reason in document["skipped"])
            given = document.get("scores")
            scores = ScoreProfile(**{key: _tupled(value) for key, value in given.items()}) if given else None
            together = MomentProfile.decoded(document["together"]) if "together" in document else None
            return cls(features, int(document["rows"]), skipped, scores, together)
        except (LookupError, TypeError, ValueError) as error:
            raise ProfileError(f"{source}: damaged ({error!r}); restore it or make a new one") from None

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


def _together(source: Source, features: tuple[FeatureProfile, ...]) -> MomentProfile:
    if source.in_memory:
        return MomentProfile.fit([source.table()], features)
    if not source.rereadable:
        raise ProfileError(
            "reference: multivariate: the data can be read only once; give a path, a frame, a lazy frame or a dataset"
        )
    return MomentProfile.fit(source.batches(columns=[feature.name for feature in features]), features)


def _checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return sha256(text.encode()).hexdigest()
