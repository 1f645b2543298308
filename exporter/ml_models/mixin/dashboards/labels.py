"""Labels: how late they come, how many are missing, and the ledger in which predictions wait for them."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import Face, Query
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BLUE, GREEN, ORANGE, VERMILLION
from ml_models.mixin.dashboards.panels import states, timeseries


def _lag(quantile: float) -> str:
    buckets = q.sum_by("model, le", q.rate(catalog.LABEL_LAG, "_bucket"))
    come = q.sum_by("model", q.rate(catalog.LABEL_LAG, "_count"))
    return f"histogram_quantile({quantile}, {buckets}) and on (model) ({come} > 0)"


def row() -> Row:
    """Return lag, coverage, what waits, and the state of the ledger."""
    return Row(
        680,
        "Labels and their ledger",
        [
            timeseries(
                Face(
                    id=681,
                    title="Label coverage",
                    meaning="Share of predictions that have a label, among those held for longer than "
                    "`labels.expected_after`; the replica with the least.",
                    threshold="none.",
                    action="Low or falling: the job that delivers labels is late, or delivers a part. Performance is "
                    "then that of the labelled part.",
                    unit="percentunit",
                    decimals=1,
                    empty="no predictions of that age",
                ),
                [Query(q.min_by("model", q.select(catalog.LABEL_COVERAGE)), "labelled", BLUE)],
                maximum=1.0,
                calcs=("lastNotNull", "min"),
            ),
            timeseries(
                Face(
                    id=682,
                    title="Label lag",
                    meaning="Time from a prediction to its label, all replicas together.",
                    threshold="none; labels later than `labels.horizon` are not used.",
                    action="Near the horizon: raise it, with `labels.max_rows`.",
                    unit="s",
                    empty="no labels",
                ),
                [Query(_lag(0.5), "half of them", BLUE), Query(_lag(0.95), "95 %", ORANGE)],
            ),
            timeseries(
                Face(
                    id=683,
                    title="Labels awaiting their prediction",
                    meaning="Labels whose id is not held: their prediction comes later, or never; by replica.",
                    threshold="none; after `labels.horizon` they are counted as orphans.",
                    action="If it only grows: the ids given with labels are not those of the predictions.",
                    unit="short",
                    empty="none",
                ),
                [Query(q.max_by("instance", q.select(catalog.LABELS_EARLY)), "{{instance}}", BLUE)],
            ),
            timeseries(
                Face(
                    id=684,
                    title="Corrected outcomes",
                    meaning="Outcomes per second that a corrected label has taken back, all replicas together.",
                    threshold="none.",
                    action="Many: the first labels are provisional; judge performance by later ones.",
                    unit="cps",
                    decimals=2,
                    empty="none",
                ),
                [Query(q.sum_by("actual", q.rate(catalog.OUTCOMES_RETRACTED)), "was {{actual}}", ORANGE)],
            ),
            states(
                Face(
                    id=685,
                    title="Ledger",
                    meaning="Whether predictions and labels could last be written, by kind of database; and whether "
                    "they outlive the process.",
                    threshold="failed.",
                    action="The log names the error. Until it is back, labels wait in memory.",
                    unit="none",
                ),
                [
                    Query(q.min_by("kind", q.select(catalog.LEDGER_UP)), "{{kind}}"),
                    Query(q.min_by("model", q.select(catalog.LEDGER_DURABLE)), "durable"),
                ],
                (("failed", VERMILLION), ("good", GREEN)),
            ),
            timeseries(
                Face(
                    id=686,
                    title="Ledger spool",
                    meaning="Predictions and labels in memory, not yet written, all replicas together; and those that "
                    "were dropped because there were too many.",
                    threshold="500,000 of each per replica, from where they are dropped.",
                    action="The database is not there or too slow: see the log and the duration of writes.",
                    unit="short",
                    empty="nothing waits",
                ),
                [
                    Query(q.sum_by("what", q.select(catalog.LEDGER_SPOOLED)), "{{what}}", BLUE),
                    Query(q.sum_by("what", q.rate(catalog.LEDGER_DROPPED)), "{{what}} dropped per second", VERMILLION),
                ],
            ),
            timeseries(
                Face(
                    id=687,
                    title="Ledger transactions",
                    meaning="Transactions per second by how they ended, all replicas together.",
                    threshold="failed ones.",
                    action="The log names the error.",
                    unit="cps",
                    decimals=2,
                ),
                [Query(q.sum_by("result", q.rate(catalog.LEDGER_WRITES)), "{{result}}", BLUE)],
            ),
            timeseries(
                Face(
                    id=688,
                    title="Duration of ledger transactions",
                    meaning="Mean duration of a transaction; by replica.",
                    threshold="none.",
                    action="Slow: the disk or the database is; predictions do not wait for it.",
                    unit="s",
                    decimals=4,
                ),
                [
                    Query(
                        q.share(
                            q.sum_by("instance", q.rate(catalog.LEDGER_WRITE_SECONDS)),
                            q.sum_by("instance", q.rate(catalog.LEDGER_WRITES)),
                        ),
                        "{{instance}}",
                        BLUE,
                    )
                ],
            ),
        ],
        collapsed=True,
    )
