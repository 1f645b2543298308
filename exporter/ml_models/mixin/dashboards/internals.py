"""The monitoring itself: what it lost, how late it is, what it costs."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import Face, Query
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BLUE, GREEN, ORANGE, VERMILLION
from ml_models.mixin.dashboards.panels import states, timeseries

_FAILED_OR_GOOD = (("failed", VERMILLION), ("good", GREEN))


def row() -> Row:
    """Return the monitor's own faults, lags and costs."""
    return Row(
        900,
        "Monitoring internals",
        [
            timeseries(
                Face(
                    id=901,
                    title="Dropped rows",
                    meaning="Rows per second that were served and not tallied, by reason, all replicas together. "
                    "Predictions never wait for the monitoring, so on overflow rows are dropped.",
                    threshold="any that lasts: drift and quality then rest on fewer rows.",
                    action="Raise `buffer_rows` or `buffer_bytes`, or lower `sampling_rate`.",
                    unit="cps",
                    decimals=2,
                    empty="none dropped",
                ),
                [Query(q.sum_by("reason", q.rate(catalog.DROPPED_ROWS)), "{{reason}}", VERMILLION)],
            ),
            timeseries(
                Face(
                    id=902,
                    title="Hook failures",
                    meaning="Faults per second inside the monitoring itself, by stage; none of them reached a caller.",
                    threshold="any.",
                    action="The log has the traceback; report it with the shape of the input.",
                    unit="cps",
                    decimals=2,
                    empty="no failures",
                ),
                [Query(q.sum_by("stage", q.rate(catalog.HOOK_FAILURES)), "{{stage}}", VERMILLION)],
            ),
            timeseries(
                Face(
                    id=903,
                    title="Overhead",
                    meaning="CPU cores that the background tallying keeps busy; by replica.",
                    threshold="none; it should be a small part of Process CPU.",
                    action="Lower `sampling_rate` or the number of features if it is not.",
                    unit="none",
                    decimals=4,
                ),
                [Query(q.sum_by("instance", q.rate(catalog.OVERHEAD)), "{{instance}}", BLUE)],
            ),
            timeseries(
                Face(
                    id=904,
                    title="Drain lag",
                    meaning="Age of the oldest event when the buffer was last tallied, and time since; by replica.",
                    threshold="none.",
                    action="If either climbs, the background thread starves or hangs: see Process CPU.",
                    unit="s",
                    decimals=2,
                ),
                [
                    Query(q.max_by("instance", q.select(catalog.DRAIN_LAG)), "{{instance}} lag", BLUE),
                    Query(
                        f"time() - {q.max_by('instance', q.select(catalog.LAST_DRAIN_TIMESTAMP))}",
                        "{{instance}} since the last",
                        ORANGE,
                    ),
                ],
            ),
            timeseries(
                Face(
                    id=905,
                    title="Buffered rows",
                    meaning="Rows captured and not yet tallied; by replica.",
                    threshold="`buffer_rows`, from where rows are dropped.",
                    action="Near that limit: raise it, or lower `sampling_rate`.",
                    unit="short",
                ),
                [Query(q.max_by("instance", q.select(catalog.BUFFERED_ROWS)), "{{instance}}", BLUE)],
            ),
            timeseries(
                Face(
                    id=906,
                    title="Sampling",
                    meaning="Share of calls whose features and outputs are tallied; the replica with the least.",
                    threshold="none; calls, errors and latency are always counted.",
                    action="If it differs from `sampling_rate`, a replica runs with another configuration.",
                    unit="percentunit",
                    decimals=1,
                ),
                [Query(q.min_by("model", q.select(catalog.SAMPLING_RATIO)), "sampled", BLUE)],
                maximum=1.0,
                calcs=("lastNotNull", "min"),
            ),
            states(
                Face(
                    id=907,
                    title="Collectors",
                    meaning="Whether each collector gave its metrics; failed if it did not on any replica. A failing "
                    "collector costs only its own series.",
                    threshold="failed.",
                    action="The log has the traceback.",
                    unit="none",
                    width=12,
                ),
                [Query(q.min_by("collector", q.select(catalog.COLLECTOR_SUCCESS)), "{{collector}}")],
                _FAILED_OR_GOOD,
            ),
            timeseries(
                Face(
                    id=908,
                    title="Duration of collectors",
                    meaning="How long each collector took in the last scrape; the slowest replica.",
                    threshold="none; together they must stay below the scrape timeout.",
                    action="Fewer bins or features make the data collectors faster.",
                    unit="s",
                    decimals=3,
                    width=12,
                ),
                [Query(q.max_by("collector", q.select(catalog.COLLECTOR_DURATION)), "{{collector}}", BLUE)],
                stacked=True,
            ),
            timeseries(
                Face(
                    id=921,
                    title="Refused requests",
                    meaning="Requests to the endpoint per second that were refused, by reason, all replicas together: "
                    "`missing` and `wrong` passwords, passwords that were too many to check (`busy`), client "
                    "certificates.",
                    threshold="any that lasts: somebody guesses, or a scrape has an old password.",
                    action="The log names the clients' addresses.",
                    unit="cps",
                    decimals=2,
                    empty="no web configuration",
                ),
                [Query(q.sum_by("reason", q.rate(catalog.HTTP_AUTH_FAILURES)), "{{reason}}", VERMILLION)],
            ),
            timeseries(
                Face(
                    id=922,
                    title="Certificate",
                    meaning="Time until the endpoint's certificate runs out; by replica.",
                    threshold="14 days.",
                    action="Renew the file; it is read again without a restart.",
                    unit="s",
                    empty="no TLS",
                ),
                [
                    Query(
                        f"{q.min_by('instance', q.select(catalog.TLS_CERTIFICATE_EXPIRY))} - time()",
                        "{{instance}}",
                        BLUE,
                    )
                ],
                minimum=None,
                calcs=("lastNotNull",),
            ),
            states(
                Face(
                    id=923,
                    title="Web configuration",
                    meaning="Whether the web configuration is in force as its files are now, and whether only their "
                    "owners can read the files with secrets; failed if not so on any replica.",
                    threshold="failed.",
                    action="The log tells what is wrong; what was in force before stays so.",
                    unit="none",
                    empty="no web configuration",
                ),
                [
                    Query(q.min_by("model", q.select(catalog.WEB_CONFIG_RELOAD_SUCCESS)), "in force"),
                    Query(f"1 - {q.max_by('file', q.select(catalog.SECRET_FILE_EXPOSED))}", "{{file}} kept secret"),
                ],
                _FAILED_OR_GOOD,
            ),
        ],
        collapsed=True,
    )
