"""What is watched, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """What is watched, and how.

    Attributes
    ----------
    source : str or Path
    folder : Path
        Of the checkpoint.
    window : float
        Seconds.
    time_column, prediction, label : str or None
    ignore : tuple of str
    learn_rows : int
        Rows that a reference is learnt from at least.
    """

    source: str | Path
    folder: Path
    window: float
    time_column: str | None
    prediction: str | None
    label: str | None
    ignore: tuple[str, ...]
    learn_rows: int

    def meaning(self) -> dict[str, Any]:
        """Return what gives the windows their meaning."""
        return {"window": self.window, "time_column": self.time_column}
