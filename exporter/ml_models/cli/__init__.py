"""The ``mlmon`` command. Each subcommand's module is imported when it is called, so that ``--help`` stays quick."""

from __future__ import annotations

import importlib
from typing import IO, Any, NamedTuple

import click

from ml_models import __version__
from ml_models.errors import MonitoringError


class Lazy(NamedTuple):
    """A subcommand: where it is, and the line that ``mlmon --help`` shows for it."""

    target: str
    help: str


LAZY: dict[str, Lazy] = {
    "config": Lazy("ml_models.cli.config:config", "Show, check and describe the settings."),
    "generate": Lazy("ml_models.cli.generate:generate", "Write alert rules, dashboards and Alertmanager settings."),
    "dashboards": Lazy("ml_models.cli.dashboards:dashboards", "Push dashboards to Grafana, compare and pull them."),
    "snapshot": Lazy(
        "ml_models.cli.snapshot:snapshot", "Keep a dashboard as it is now, in Grafana or as an HTML file."
    ),
    "profile": Lazy("ml_models.cli.profile:profile", "Make the reference profile that drift is measured against."),
    "drift": Lazy("ml_models.cli.drift:drift", "Compare data with a reference; exit codes for pipelines."),
    "outcomes": Lazy("ml_models.cli.outcomes:outcomes", "Join labels to predictions, from files; exit codes."),
    "watch": Lazy("ml_models.cli.watch:watch", "Watch data that grow: drift, quality and freshness as metrics."),
    "demo": Lazy("ml_models.cli.demo:demo", "Run a monitored model with real data and watch it drift."),
}


class _Failure(click.ClickException):
    """An error of this package, shown as one message without a traceback."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"mlmon: {self.format_message()}", file=file, err=True)


class LazyGroup(click.Group):
    """A group whose subcommands stand in :data:`LAZY`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands' names, sorted."""
        return sorted(LAZY)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in LAZY:
            return None
        module, _, attribute = LAZY[cmd_name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, LAZY[name].help) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; an error of this package becomes a message and exit code 2."""
        try:
            return super().invoke(ctx)
        except MonitoringError as error:
            raise _Failure(str(error)) from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all is well, 1 a check failed, 2 wrong usage or settings.",
)
@click.version_option(__version__, prog_name="mlmon", message="%(prog)s %(version)s")
def mlmon() -> None:
    """Monitor machine-learning models with Prometheus, Alertmanager and Grafana.

    \b
    Start with:
      mlmon config show             the settings in force
      mlmon config check FILE       is this file right?
      mlmon COMMAND --help          what a command does
    """  # noqa: D301  # click's mark for text that is not to be wrapped


def main() -> None:
    """Run ``mlmon``."""
    mlmon.main(prog_name="mlmon")
