"""Resources of the model's containers and processes, and the health checks."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import Face, Query
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BAD, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from ml_models.mixin.dashboards.panels import DOWN_OR_UP, states, timeseries

_LIMITED = "of the container's limit, or of the host where there is none"


def health() -> Row:
    """Return the health checks over time."""
    return Row(
        700,
        "Health",
        [
            states(
                Face(
                    id=701,
                    title="Health checks",
                    meaning="Whether each check passed when last run; down if it failed on any replica.",
                    threshold="down.",
                    action="The exporter's status page has the check's error message.",
                    unit="none",
                    empty="no checks",
                    width=12,
                ),
                [Query(q.min_by("check", q.select(catalog.HEALTH_UP)), "{{check}}")],
                DOWN_OR_UP,
            ),
            timeseries(
                Face(
                    id=702,
                    title="Duration of health checks",
                    meaning="How long each check took when last run; the slowest replica.",
                    threshold="none; `health_check_timeout` ends a check as failed.",
                    action="A check that gets slower warns of what it checks: a database, a disk, a feature store.",
                    unit="s",
                    decimals=2,
                    empty="no checks",
                    width=6,
                ),
                [Query(q.max_by("check", q.select(catalog.HEALTH_DURATION)), "{{check}}", BLUE)],
            ),
            timeseries(
                Face(
                    id=703,
                    title="Age of health checks",
                    meaning="Time since each check was last run; the replica that waits longest.",
                    threshold="none; it should stay below `health_check_interval`.",
                    action="If it only grows, the checks no longer run: see whether the process hangs.",
                    unit="s",
                    decimals=1,
                    empty="no checks",
                    width=6,
                ),
                [Query(f"time() - {q.min_by('check', q.select(catalog.HEALTH_TIMESTAMP))}", "{{check}}", BLUE)],
            ),
        ],
    )


def row() -> Row:
    """Return CPU, memory, disk, network and process, by replica."""
    return Row(
        800,
        "Resources",
        [
            *(
                timeseries(
                    Face(
                        id=number,
                        title=title,
                        meaning=f"{title} in use, as a share {of}; by replica.",
                        threshold=f"`{signal}`, the dashed line.",
                        action=action,
                        unit="percentunit",
                        decimals=1,
                    ),
                    [
                        Query(q.max_by(labels, q.select(metric)), legend, BLUE),
                        Query(q.limit(signal), "limit", BAD, limit=True),
                    ],
                    maximum=1.0,
                )
                for number, title, of, metric, labels, legend, signal, action in (
                    (
                        801, "CPU", _LIMITED, catalog.SYSTEM_CPU, "instance", "{{instance}}", "cpu_ratio_max",
                        "Add replicas, or see whether batches or the model have grown.",
                    ),
                    (
                        802, "Memory", _LIMITED, catalog.SYSTEM_MEMORY, "instance", "{{instance}}", "memory_ratio_max",
                        "If it climbs without end it leaks: compare with the process's resident memory below.",
                    ),
                    (
                        803, "Disk", "of each watched path", catalog.SYSTEM_DISK, "instance, path",
                        "{{instance}} {{path}}", "disk_ratio_max", "Find what grows: logs, caches, old models.",
                    ),
                )
            ),
            timeseries(
                Face(
                    id=804,
                    title="Network",
                    meaning="Bytes per second received and sent, loopback left out; by replica.",
                    threshold="none.",
                    action="Compare with the predictions: bytes without predictions are something else's.",
                    unit="Bps",
                    decimals=1,
                ),
                [
                    Query(
                        q.sum_by("instance", q.rate(catalog.SYSTEM_NETWORK_RECEIVE)), "{{instance}} received", BLUE
                    ),
                    Query(
                        q.sum_by("instance", q.rate(catalog.SYSTEM_NETWORK_TRANSMIT)), "{{instance}} sent", ORANGE
                    ),
                ],
            ),
            timeseries(
                Face(
                    id=805,
                    title="Network errors",
                    meaning="Packets per second in error or dropped; by replica.",
                    threshold="any that lasts.",
                    action="Look at the node: its link, its driver, its neighbours.",
                    unit="pps",
                    decimals=2,
                    empty="no errors",
                ),
                [Query(q.sum_by("instance", q.rate(catalog.SYSTEM_NETWORK_ERRORS)), "{{instance}}", VERMILLION)],
            ),
            timeseries(
                Face(
                    id=806,
                    title="Memory in bytes",
                    meaning="Memory in use, what there is, and the resident memory of the model's process; by replica.",
                    threshold="judged as a share, see Memory.",
                    action="Resident far below what is used: another process has it.",
                    unit="bytes",
                    decimals=1,
                ),
                [
                    Query(q.max_by("instance", q.select(catalog.SYSTEM_MEMORY_USED)), "{{instance}} used", BLUE),
                    Query(q.max_by("instance", q.select(catalog.PROCESS_MEMORY)), "{{instance}} resident", GREEN),
                    Query(
                        q.max_by("instance", q.select(catalog.SYSTEM_MEMORY_LIMIT)), "{{instance}} there is", GREY,
                        limit=True,
                    ),
                ],
            ),
            timeseries(
                Face(
                    id=807,
                    title="Process CPU",
                    meaning="Cores that the model's process keeps busy; by replica.",
                    threshold="none.",
                    action="More than before at the same load: the model or its batches have changed.",
                    unit="none",
                    decimals=2,
                ),
                [Query(q.sum_by("instance", q.rate(catalog.PROCESS_CPU)), "{{instance}}", BLUE)],
            ),
            timeseries(
                Face(
                    id=808,
                    title="Threads and file descriptors",
                    meaning="Threads and open file descriptors of the model's process; by replica.",
                    threshold="none; the system's limit on descriptors is often 1,024.",
                    action="If either climbs without end, connections or files are not closed.",
                    unit="none",
                ),
                [
                    Query(q.max_by("instance", q.select(catalog.PROCESS_THREADS)), "{{instance}} threads", BLUE),
                    Query(q.max_by("instance", q.select(catalog.PROCESS_OPEN_FDS)), "{{instance}} descriptors", PURPLE),
                ],
            ),
            timeseries(
                Face(
                    id=809,
                    title="Uptime",
                    meaning="Time since the model's process started; by replica.",
                    threshold="none.",
                    action="A saw-tooth is a crash loop: see the container's log and Memory.",
                    unit="s",
                    decimals=1,
                ),
                [
                    Query(
                        f"time() - {q.max_by('instance', q.select(catalog.PROCESS_START_TIME))}", "{{instance}}", GREEN
                    )
                ],
                calcs=("lastNotNull", "min"),
            ),
        ],
    )  # fmt: skip
