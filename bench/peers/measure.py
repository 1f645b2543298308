"""Measure one way to find drift, in the environment of the one that is measured; print a line of JSON.

``python measure.py WAY REFERENCE LIVE --rows N`` reads the first rows of two parquet files (not timed), goes over
2,000 rows once (not timed either: imports and first calls), then over all rows, and prints the CPU seconds of the whole
process, its threads included, and its peak memory. Nothing here but the standard library, pyarrow and the measured one.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import resource
import warnings

#: Switches that keep the measured ones from calling home.
QUIET = ("DO_NOT_TRACK", "NML_DISABLE_USAGE_LOGGING", "WHYLOGS_NO_ANALYTICS")


def ours(reference, live):
    """All methods, quality and the report; from Arrow tables."""
    from ml_models import compare

    return lambda: compare(reference, live)


def scipy_ks(reference, live):
    from scipy.stats import ks_2samp

    sides = [{n: t[n].to_numpy() for n in numeric(reference)} for t in (reference, live)]
    return lambda: [ks_2samp(sides[0][n], sides[1][n], method="asymp")[0] for n in sides[0]]


def evidently(method):
    def way(reference, live):
        from evidently import Report
        from evidently.presets import DataDriftPreset

        r, c = reference.to_pandas(), live.to_pandas()
        settings = {"num_method": method} if method else {}
        return lambda: Report([DataDriftPreset(**settings)]).run(c, r).dict()

    return way


def nannyml(method):
    def way(reference, live):
        from nannyml import UnivariateDriftCalculator

        r, c = reference.to_pandas(), live.to_pandas()
        settings = {"continuous_methods": [method], "chunk_number": 1}
        return lambda: UnivariateDriftCalculator(column_names=list(r), **settings).fit(r).calculate(c).to_df()

    return way


def whylogs(reference, live):
    import whylogs
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    r, c = reference.to_pandas(), live.to_pandas()
    return lambda: calculate_drift_scores(
        target_view=whylogs.log(pandas=c).view(), reference_view=whylogs.log(pandas=r).view(), with_thresholds=True
    )


def alibi_ks(reference, live):
    """KS of the numbers; it takes no text and no missing values, which become the median."""
    from alibi_detect.cd import KSDrift

    r, c = (t.select(numeric(reference)).to_pandas() for t in (reference, live))
    r, c = (frame.fillna(r.median()).to_numpy(dtype=float) for frame in (r, c))
    return lambda: KSDrift(r, p_val=0.05).predict(c, drift_type="feature")


def popmon(reference, live):
    from histogrammar.dfinterface.make_histograms import get_bin_specs, make_histograms
    from popmon import Settings
    from popmon.pipeline.metrics import stability_metrics

    r, c = reference.to_pandas().assign(batch=0), live.to_pandas().assign(batch=1)
    features = [f"batch:{name}" for name in reference.column_names]

    def go():
        specs = {"batch": {"binWidth": 1, "origin": 0}}
        first = make_histograms(r, features=features, time_axis="batch", bin_specs=specs)
        second = make_histograms(c, features=list(first), time_axis="batch", bin_specs=get_bin_specs(first))
        return stability_metrics(
            second, settings=Settings(time_axis="batch", reference_type="external"), reference=first
        )

    return go


WAYS = {
    "ours": ours,
    "scipy KS": scipy_ks,
    "Evidently, default": evidently(None),
    "Evidently, PSI": evidently("psi"),
    "NannyML, JS": nannyml("jensen_shannon"),
    "NannyML, KS": nannyml("kolmogorov_smirnov"),
    "whylogs": whylogs,
    "alibi-detect, KS": alibi_ks,
    "popmon": popmon,
}


def numeric(table):
    return [field.name for field in table.schema if str(field.type) in {"double", "int64"}]


def cpu_seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("files", nargs=2)
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(QUIET, "True"))
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    from pyarrow import Table, parquet

    # No more rows than asked for, or the peak would be that of reading the others.
    readers = [parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) for path in options.files]
    sides = [Table.from_batches([next(reader.iter_batches(options.rows))]) for reader in readers]
    WAYS[options.way](*(side.slice(0, 2_000) for side in sides))()
    go = WAYS[options.way](*sides)
    gc.collect()
    begun = cpu_seconds()
    go()
    print(
        json.dumps(
            {
                "cpu_s": cpu_seconds() - begun,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "rows": sides[1].num_rows,
                "columns": sides[1].num_columns,
            }
        )
    )


if __name__ == "__main__":
    main()
