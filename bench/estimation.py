"""How near performance estimated without labels comes to what turns out: flights of 2013, month by month.

The demonstration's model is trained on 70 % of January to March. The other 30 % are the reference: their scores and
labels calibrate the estimate. Each later month is estimated from its scores alone and then compared with its labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from ml_models.collectors.performance import Figures, figures
from ml_models.demo.flights import LATE, ON_TIME, live_flights, load_flights, training_flights
from ml_models.demo.model import Trained, train
from ml_models.profile.classes import Classes
from ml_models.profile.outcomes import add_estimates
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import Layout, Tally

CLASSES = Classes([ON_TIME, LATE])
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SCORES = ("accuracy", "precision", "recall", "f1", "roc_auc")

INTRO = """## Performance before labels

Flights of 2013 with their labels held back (`python -m bench.estimation`): estimated from scores alone, then compared
with what came true. The model and the calibration know January to March only. The interval is that of sampling, if the
probabilities are right. """


@dataclass(frozen=True, slots=True)
class Month:
    """A month's estimate and what came true."""

    name: str
    flights: int
    late: float
    estimated: dict[str, float]
    realised: dict[str, float]
    found: Figures


def _scores(trained: Trained, flights: Any) -> NDArray[np.float64]:
    return trained.model.late_probability(flights)


@dataclass(frozen=True, slots=True)
class Year:
    """April to December, and what the held-out flights of January to March said."""

    months: list[Month]
    held_out: dict[str, float]
    calibrated: bool


def year() -> Year:
    """Train, calibrate, estimate each month and compare."""
    flights = load_flights()
    known = training_flights(flights)
    trained = train(known)
    held_out = known[~known.index.isin(trained.training.index)]
    scores = _scores(trained, held_out)
    columns = {"hour": held_out["hour"].to_numpy(), "label": held_out["label"].tolist(), "score": scores}
    layout = Layout.of(ReferenceProfile.fit(columns, label="label", score="score"), LATE)
    live = live_flights(flights)
    live = live[live["label"].notna()]
    months = [_month(layout, trained, number, part) for number, part in live.groupby(live["departure"].dt.month)]
    return Year(months, _realised(_late(held_out), scores), bool(layout.calibrator.scores))


def _late(flights: Any) -> NDArray[np.int64]:
    late: NDArray[np.int64] = (flights["label"].to_numpy() == LATE).astype(np.int64)
    return late


def _realised(actual: NDArray[np.int64], scores: NDArray[np.float64]) -> dict[str, float]:
    predicted = (scores >= 0.5).astype(np.int64)
    return {
        "accuracy": float(accuracy_score(actual, predicted)),
        "precision": float(precision_score(actual, predicted, zero_division=0)),
        "recall": float(recall_score(actual, predicted)),
        "f1": float(f1_score(actual, predicted)),
        "roc_auc": float(roc_auc_score(actual, scores)),
    }


def _month(layout: Layout, trained: Trained, number: Any, flights: Any) -> Month:
    scores, actual = _scores(trained, flights), _late(flights)
    predicted = (scores >= 0.5).astype(np.int64)
    tally = Tally(layout)
    add_estimates(tally, predicted, scores[:, np.newaxis], 1)
    found = figures(tally, CLASSES, 1)
    assert found.estimated_roc_auc is not None
    estimated = {name: float(getattr(found.estimate, name)) for name in SCORES[:-1]}
    return Month(
        MONTHS[int(number)],
        len(scores),
        float(actual.mean()),
        estimated | {"roc_auc": found.estimated_roc_auc.value},
        _realised(actual, scores),
        found,
    )


def run() -> list[str]:
    """Estimate, compare and return Markdown."""
    print("estimation on flights ...", flush=True)
    found = year()
    used = (
        "The isotonic calibration is used."
        if found.calibrated
        else "The isotonic calibration did not lower the calibration error\nof held-out flights, so scores are used as "
        "they are."
    )
    lines = [
        f"{INTRO}{used}\n",
        "| month | flights | late | accuracy | estimated | interval | precision | estimated | recall "
        "| estimated | F1 | estimated | AUC | estimated |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for one in found.months:
        low, high = one.found.estimate.intervals["accuracy"] or (0.0, 0.0)
        pairs = " | ".join(f"{one.realised[name]:.3f} | {one.estimated[name]:.3f}" for name in SCORES[1:])
        lines.append(
            f"| {one.name} | {one.flights:,} | {one.late:.3f} | {one.realised['accuracy']:.3f} "
            f"| {one.estimated['accuracy']:.3f} | {low:.3f}-{high:.3f} | {pairs} |"
        )
    lines += ["", "Mean distance from what came true, over the months:", ""]
    lines += ["| | accuracy | precision | recall | F1 | AUC |", "|---|--:|--:|--:|--:|--:|"]
    for name, guess in (("estimate", None), ("the score of January to March, as if nothing changed", found.held_out)):
        apart = [np.mean([abs(one.realised[s] - (guess or one.estimated)[s]) for one in found.months]) for s in SCORES]
        lines.append(f"| {name} | " + " | ".join(f"{distance:.3f}" for distance in apart) + " |")
    return [*lines, ""]


if __name__ == "__main__":
    print("\n".join(run()))
