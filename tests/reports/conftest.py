"""A model as reports are made for: late flights from New York, trained on winter, watched in July."""

from __future__ import annotations

import copy
import itertools
import math
from statistics import NormalDist
from typing import Any

import pytest

from ml_models.reports import AlertEvent, History

START, STEP = 1_372_636_800.0, 43_200.0  # 2013-07-01 00:00 UTC, half days

#: Name, mean and deviation in winter, the same in July, PSI, JS, KS, noise, values.
NUMERIC = (
    ("temp", 35.6, 10.2, 80.1, 7.1, 8.012, 0.978, 0.991, 0.0008, 28_371),
    ("dewp", 20.4, 14.1, 65.3, 6.9, 8.183, 0.969, 0.987, 0.0008, 28_371),
    ("wind_speed", 11.2, 6.2, 8.9, 4.3, 0.492, 0.262, 0.224, 0.0008, 28_362),
    ("humid", 61.0, 19.5, 66.4, 17.0, 0.131, 0.128, 0.122, 0.0008, 28_371),
    ("pressure", 1018.2, 8.9, 1015.6, 4.1, 0.104, 0.151, 0.171, 0.0009, 25_960),
    ("visib", 8.7, 2.5, 9.3, 1.6, 0.061, 0.083, 0.069, 0.0008, 28_425),
    ("precip", 0.003, 0.02, 0.006, 0.05, 0.019, 0.044, 0.021, 0.0003, 28_425),
    ("hour", 13.1, 4.6, 13.2, 4.7, 0.004, 0.021, 0.013, 0.0008, 28_425),
    ("distance", 1006.0, 720.0, 1066.0, 741.0, 0.006, 0.029, 0.028, 0.0008, 28_425),
)


def _numeric(mean: float, deviation: float, live_mean: float, live_deviation: float) -> dict[str, Any]:
    reference, live = NormalDist(mean, deviation), NormalDist(live_mean, live_deviation)
    edges = [reference.inv_cdf(part / 10) for part in range(1, 10)]
    heights = [0.0, *(live.cdf(edge) for edge in edges), 1.0]
    return {
        "bins": [f"{index:02d}" for index in range(10)],
        "upper_edges": [*edges, None],
        "reference": [0.1] * 10,
        "live": [high - low for low, high in itertools.pairwise(heights)],
    }


def _categorical(names: list[str], reference: list[float], live: list[float] | None) -> dict[str, Any]:
    return {
        "bins": [*names, "__other__", "__unseen__"],
        "upper_edges": None,
        "reference": [*reference, 1 - sum(reference), 0.0],
        "live": None if live is None else [*live, 1 - sum(live), 0.0],
    }


def feature(
    psi: float | None, *, kind: str = "numeric", js: float | None = 0.1, ks: float | None = None,
    noise: float | None = 0.001,
    samples: int = 28_425, missing: float = 0.0, out_of_range: float = 0.0, shares: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return one feature of the metrics."""
    scores = {"psi": psi, "js": js} | ({"ks": ks} if kind == "numeric" else {})
    return {
        "kind": kind, "drift": scores, "drifted": None if psi is None else psi > 0.1, "noise": noise,
        "samples": samples,
        "missing_ratio": missing, "invalid_ratio": 0.0, "out_of_range_ratio": out_of_range,
        "distribution": shares or _numeric(0, 1, 0.2, 1),
    }  # fmt: skip


def _features() -> dict[str, Any]:
    found = {
        name: feature(
            psi, js=js, ks=ks, noise=noise, samples=samples, missing=1 - samples / 28_425,
            out_of_range=0.381 if name == "temp" else 0.0, shares=_numeric(mean, deviation, live_mean, live_deviation),
        )
        for name, mean, deviation, live_mean, live_deviation, psi, js, ks, noise, samples in NUMERIC
    }  # fmt: skip
    carriers = ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX"]
    found["carrier"] = feature(
        0.012, kind="categorical", js=0.041, noise=0.0011,
        shares=_categorical(
            carriers,
            [0.165, 0.166, 0.156, 0.135, 0.098, 0.082, 0.062, 0.055, 0.035, 0.013],
            [0.178, 0.169, 0.151, 0.149, 0.099, 0.078, 0.060, 0.052, 0.036, 0.017],
        ),
    )  # fmt: skip
    found["origin"] = feature(
        0.001, kind="categorical", js=0.011, noise=0.0002,
        shares=_categorical(["EWR", "JFK", "LGA"], [0.361, 0.338, 0.301], [0.358, 0.342, 0.300]),
    )  # fmt: skip
    found["dest"] = feature(
        0.022, kind="categorical", js=0.052, noise=0.0025, out_of_range=0.0042,
        shares=_categorical(
            ["ATL", "ORD", "LAX", "BOS", "MCO", "CLT", "SFO", "FLL", "MIA", "DCA", "DTW", "DFW"],
            [0.053, 0.049, 0.048, 0.047, 0.044, 0.043, 0.037, 0.037, 0.036, 0.029, 0.028, 0.026],
            [0.052, 0.053, 0.050, 0.046, 0.040, 0.040, 0.043, 0.033, 0.033, 0.028, 0.027, 0.025],
        ),
    )  # fmt: skip
    return found


FLIGHTS: dict[str, Any] = {
    "model": {"name": "flight-delay", "version": "2013.03", "task": "binary", "reference": "sha256:9f2c41d07be3"},
    "window_seconds": 2_678_400.0,
    "generated_at": "2013-07-31T23:59:00+00:00",
    "thresholds": {
        "accuracy_min": 0.75, "labels_min": 100.0, "latency_seconds_max": 0.1, "error_ratio_max": 0.01,
        "memory_ratio_max": 0.85, "cpu_ratio_max": 0.8, "drift_warning_max": 0.1, "drift_critical_max": 0.25,
        "samples_min": 200.0, "quality_min": 0.95,
    },
    "performance": {
        "accuracy": 0.724, "precision": 0.631, "recall": 0.297, "f1": 0.404,
        "latency_seconds": {"mean": 0.0123, "p50": 0.0094, "p95": 0.0421, "p99": 0.0817},
        "throughput_per_second": 0.0106, "error_ratio": 0.0021, "predictions": 28_425, "labels": 27_485,
        "confusion": {"classes": ["late", "on time"], "counts": [[2514, 6114], [1472, 17_385]]},
        "intervals": {
            "accuracy": [0.7187, 0.7293], "precision": [0.6159, 0.6458], "recall": [0.2875, 0.3067],
            "f1": [0.3935, 0.4146],
        },
    },
    "data": {
        "features": _features(),
        "prediction_distribution": {
            "prediction": {
                "bins": ["late", "on time"], "upper_edges": None, "reference": [0.087, 0.913], "live": [0.145, 0.855],
            }
        },
        "label_distribution": {
            "label": {
                "bins": ["late", "on time"], "upper_edges": None, "reference": [0.224, 0.776], "live": [0.314, 0.686],
            }
        },
        "drift_share": 5 / 12, "quality_score": 0.981,
        "quality": {"completeness": 0.9922, "validity": 0.9679, "schema": 1.0}, "rows": 28_425,
    },
    "system": {
        "cpu_ratio": 0.34, "memory_ratio": 0.61, "memory_used_bytes": 5_240_000_000,
        "memory_limit_bytes": 8_589_934_592,
        "disk_ratio": 0.47, "network_receive_bytes_per_second": 18_250.0, "network_transmit_bytes_per_second": 9_120.0,
        "process_cpu_seconds": 4_812.4, "process_resident_memory_bytes": 412_000_000, "open_fds": 41, "threads": 9,
        "error_ratio": 0.0021,
        "health": {
            "feature-store": {
                "up": True, "duration_seconds": 0.0182, "last_run": "2013-07-31T23:58:30+00:00", "error": None,
            },
            "weather-api": {
                "up": False, "duration_seconds": 5.0, "last_run": "2013-07-31T23:58:30+00:00",
                "error": "TimeoutError: no answer within 5 s",
            },
        },
    },
    "errors": [
        {
            "exception": "ValueError", "endpoint": "predict", "fingerprint": "a41f09c2", "count": 47,
            "first_seen": "2013-07-03T14:02:11+00:00", "last_seen": "2013-07-31T20:44:57+00:00",
            "trace": [
                'File "serve.py", line 88, in predict', "    return model.predict(frame)",
                'File "features.py", line 41, in encode', "ValueError: unknown carrier 'ZZ'",
            ],
        },
        {
            "exception": "TimeoutError", "endpoint": "predict", "fingerprint": "07bd55e1", "count": 13,
            "first_seen": "2013-07-10T09:12:40+00:00", "last_seen": "2013-07-29T11:03:05+00:00",
            "trace": ['File "weather.py", line 23, in hourly', "TimeoutError: no answer within 5 s"],
        },
    ],
    "monitor": {
        "dropped_rows": 0, "hook_failures": 0, "buffered_rows": 12, "last_drain": "2013-07-31T23:58:59+00:00",
        "overhead_seconds": 7.9,
    },
}  # fmt: skip


@pytest.fixture
def flights() -> dict[str, Any]:
    """Return the metrics of the flights model in July: less accurate, in unknown weather."""
    return copy.deepcopy(FLIGHTS)


@pytest.fixture
def nothing() -> dict[str, Any]:
    """Return the metrics of a monitor that has seen nothing: every score is None."""

    def emptied(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: emptied(part) for key, part in value.items()}
        return None

    metrics: dict[str, Any] = emptied(FLIGHTS)
    metrics["errors"] = []
    metrics["thresholds"] = dict(FLIGHTS["thresholds"])
    return metrics


@pytest.fixture
def history() -> History:
    """Return a month in half days, with a gap, and the alerts of that month."""
    times = tuple(START + STEP * index for index in range(62))
    waves = [math.sin(index * 1.7) + math.sin(index * 0.31) for index in range(62)]
    accuracy = tuple(
        None if 24 <= index < 29 else 0.762 - 0.0009 * index + 0.008 * wave for index, wave in enumerate(waves)
    )
    return History(
        times,
        {
            "accuracy": accuracy,
            "throughput_per_second": tuple(0.0106 + 0.003 * wave for wave in waves),
            "latency_p95_seconds": tuple(0.04 + 0.006 * wave for wave in waves),
            "error_ratio": tuple(max(0.0, 0.002 + 0.0015 * wave) for wave in waves),
            "drift_share": tuple(4 / 12 if index < 20 else 5 / 12 for index in range(62)),
            "memory_ratio": tuple(0.52 + 0.0015 * index for index in range(62)),
        },
        (
            AlertEvent("ModelAccuracyLow", "critical", {"model": "flight-delay"}, START + STEP * 14, None),
            AlertEvent("FeatureDriftCritical", "critical", {"feature": "temp"}, START + STEP * 2, None),
            AlertEvent("FeatureDrift", "warning", {"feature": "humid"}, START + STEP * 20, START + STEP * 23),
        ),
    )
