"""Alerts of the endpoint's guard: refused requests, certificates, the web configuration, exposed files."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.alerts.parts import REPLICA, graded
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import increase, max_by, sum_by

_INSTANCE = ("model", "instance")
#: Refused requests within the serving window to be warned of, and that are an attack.
_REFUSED, _MANY_REFUSED = 10, 1000
#: Days before its end at which a certificate is told of, and is urgent.
_DAYS, _FEW_DAYS = 14, 3


def security(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of security."""
    refused = sum_by(_INSTANCE, increase(catalog.HTTP_AUTH_FAILURES, settings.serving_window))
    left = f"(min by (model, instance) ({catalog.TLS_CERTIFICATE_EXPIRY.name}) - time())"
    return (
        *graded(
            settings,
            Alert(
                name="MLAuthenticationFailures",
                severity="warning",
                expr="",
                summary=f'{{{{ $value | printf "%.0f" }}}} requests to {REPLICA} were refused',
                description=f"Within {settings.serving_window}, more than {_REFUSED} (critical {_MANY_REFUSED}) had no "
                "valid password or certificate. First see the reasons on the dashboard: a scraper with an old "
                "password, or somebody who tries passwords; then limit who reaches the port.",
                for_=settings.serving_for,
                category="security",
                about_model=False,
            ),
            warning=f"{refused} > {_REFUSED}",
            critical=f"{refused} > {_MANY_REFUSED}",
        ),
        *graded(
            settings,
            Alert(
                name="MLCertificateExpiring",
                severity="warning",
                expr="",
                summary=f"The certificate of {REPLICA} ends in {{{{ $value | humanizeDuration }}}}",
                description=f"Fewer than {_DAYS} days (critical {_FEW_DAYS}) are left; afterwards Prometheus cannot "
                "scrape it. First see why it was not renewed; a new file is taken up without a restart.",
                for_=settings.serving_for,
                category="security",
                about_model=False,
            ),
            warning=f"{left} < {_DAYS * 86400}",
            critical=f"{left} < {_FEW_DAYS * 86400}",
        ),
        Alert(
            name="MLWebConfigReloadFailing",
            severity="warning",
            expr=f"min by (model, instance) ({catalog.WEB_CONFIG_RELOAD_SUCCESS.name}) == 0",
            summary=f"The web configuration of {REPLICA} cannot be read anew",
            description="The file on disk is not what is in force: a changed password or certificate does not count. "
            "First read in the log what is wrong with the file, and correct it.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
            category="security",
            about_model=False,
        ),
        Alert(
            name="MLSecretFileExposed",
            severity="warning",
            expr=f"{max_by((*_INSTANCE, 'file'), catalog.SECRET_FILE_EXPOSED.name)} == 1",
            summary=f"Every user of the machine can read the file {{{{ $labels.file }}}} of {REPLICA}",
            description="It holds a private key or hashes of passwords. First take the rights away (chmod 600); then "
            "replace what others may have read.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
            category="security",
            about_model=False,
        ),
    )
