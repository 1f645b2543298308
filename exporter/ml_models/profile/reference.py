"""The reference profile: what the data looked like when the model was good.

A profile holds edges and counts, never rows. It is frozen, and written as versioned JSON with a checksum.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ml_models.errors import ProfileError
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
from ml_models.profile.sources import Progress, Source

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
VERSION = 1


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
        min_count: int = 1,
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
        kinds : mapping, optional
            Kind per column where the inferred one is wrong.
        ignore : collection of str
            Columns to leave out, such as row ids.
        min_count : int
            Categories seen fewer times than this get no bin of their own; they are counted in ``__other__``.
        progress : callable, optional
            Called with the rows read so far and the rows to read, None where nothing tells them.

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
        source = data if isinstance(data, Source) else Source(data)
        return cls(*fit_columns(source, Plan.of(prediction, label, kinds, ignore, min_count), progress))

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
