"""Every parameter as data: read off the sections, for the environment, the error messages and the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ml_models.config.kinds import Choice, Kind

ENV_PREFIX = "ML_MODELS_"
Keys = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting.

    Parameters
    ----------
    path : tuple of str
        Keys from the top of the file down, e.g. ``("monitoring", "system", "log_level")``.
    kind : Kind
        What it takes.
    item : Kind or None
        What one element takes, if it is a list.
    optional : bool
        Whether ``null`` is allowed.
    default : object
        Value where nothing is set.
    description : str
        Meaning.
    entries : type or None
        Section of each element, if it is a list of mappings.
    """

    path: tuple[str, ...]
    kind: Kind
    item: Kind | None
    optional: bool
    default: Any
    description: str
    entries: type[BaseModel] | None = None

    @property
    def variable(self) -> str:
        """Name of the environment variable that sets it."""
        return ENV_PREFIX + "__".join(self.path[1:]).upper()


def dotted(path: Keys) -> str:
    """Write a path as users read it.

    Examples
    --------
    >>> dotted(("monitoring", "system", "alert_channels", 0))
    'monitoring.system.alert_channels[0]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a field holds, or None if it is a parameter."""
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def entries_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a list of mappings has for each."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := entries_of(argument)) is not None), None)


def _kinds(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[Kind]:
    """Yield the kinds of an annotation, the outermost first."""
    for item in metadata:
        if isinstance(item, Kind):
            yield item
        elif isinstance(item, Choice):
            yield item.kind
    if get_origin(annotation) is Annotated:
        yield from _kinds(annotation.__origin__, annotation.__metadata__)
    else:
        for argument in get_args(annotation):
            yield from _kinds(argument)


def _of(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[Parameter]:
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is not None:
            yield from _of(section, (*path, name))
            continue
        kinds = list(_kinds(field.annotation, tuple(field.metadata)))
        yield Parameter(
            path=(*path, name),
            kind=kinds[0],
            item=kinds[1] if len(kinds) > 1 else None,
            optional=NoneType in get_args(field.annotation),
            default=field.get_default(),
            description=field.description or "",
            entries=entries_of(field.annotation),
        )


@cache
def parameters_of(model: type[BaseModel]) -> tuple[Parameter, ...]:
    """Return every parameter below a section, in the order in which they are written."""
    return tuple(_of(model, ()))


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) or "empty"


def reference_table(model: type[BaseModel]) -> str:
    """Write the parameters as a Markdown table; paths are below ``monitoring``."""
    lines = ["| parameter | allowed | default | meaning |", "|---|---|---|---|"]
    for parameter in parameters_of(model):
        allowed = parameter.kind.allowed + (", or null" if parameter.optional else "")
        path = dotted(parameter.path[1:])
        lines.append(f"| `{path}` | {allowed} | {_shown(parameter.default)} | {parameter.description} |")
    return "\n".join(lines) + "\n"
