"""Alerts of data that are watched."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.alerts.parts import COUNT, TIME, looked_up
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import last, max_by, text


def watched(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of watched data."""
    names = settings.names
    rejected_max, age_max = names.threshold("rejected_files_max"), names.threshold("data_age_seconds_max")
    files, newest = (last(metric, settings.lookback) for metric in (catalog.WATCH_FILES, catalog.WATCH_NEWEST))
    rejected = files.replace("[", '{state="rejected"}[')
    return (
        Alert(
            name="MLDataFileRejected",
            category="data",
            severity="warning",
            expr=text(f"""
                {max_by(("model",), rejected)}
                  > on (model) {rejected_max}"""),
            summary="{{ $value }} files of {{ $labels.model }} cannot be read and are not counted",
            description=f"{{{{ $value }}}} files are set aside, threshold {looked_up(rejected_max, COUNT)}; all "
            "others are still counted. First read in the data monitor's log which files and why; write them again, or "
            "move them away.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
        ),
        Alert(
            name="MLDataStale",
            category="data",
            severity="warning",
            expr=text(f"""
                (time() - {max_by(("model",), newest)})
                  > on (model) {age_max}"""),
            summary="The newest data of {{ $labels.model }} are {{ $value | humanizeDuration }} old",
            description="The newest row that was counted is {{ $value | humanizeDuration }} old, threshold "
            f"{looked_up(age_max, TIME)}. First see whether data still come and whether readings succeed; then look "
            "at the job that writes them.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
        ),
        Alert(
            name="MLDataReadFailing",
            category="data",
            severity="warning",
            expr=f"min by (model, instance) ({catalog.WATCH_RUN_SUCCESS.name}) == 0",
            summary="The data of {{ $labels.model }} cannot be read",
            description="The last reading by {{ $labels.instance }} failed. First read in its log or at its /readyz "
            "why: the folder is gone or forbidden, or the checkpoint cannot be written.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
            about_model=False,
        ),
    )
