"""From validation errors to lines that name the path, what was found and what is allowed."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from ml_models.config.parameters import Keys, Parameter, dotted, entries_of, parameters_of, section_of

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


def _found(value: object) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "an empty list" if not value else "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    return re.sub(r"//[^/@]*@", "//***@", _REPR.repr(value))  # an address may hold a password


def _section_at(model: type[BaseModel], path: Keys) -> type[BaseModel] | None:
    section: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):  # an element of a list of mappings, whose section the list has led to
            continue
        field = section.model_fields.get(part) if section is not None else None
        section = (section_of(field) or entries_of(field.annotation)) if field is not None else None
    return section


def _names(model: type[BaseModel]) -> dict[Keys, str]:
    """Return every path of a key, sections included, with the key."""
    paths: dict[Keys, str] = {}
    for parameter in parameters_of(model):
        for end in range(1, len(parameter.path) + 1):
            paths[parameter.path[:end]] = parameter.path[end - 1]
    return paths


def suggest(model: type[BaseModel], path: Keys) -> str:
    """Say what an unknown key may have been meant to be.

    The same name elsewhere comes first, then a close one in the same section, then a close one anywhere, then the list
    of what the section takes.
    """
    section = _section_at(model, path[:-1])
    here = list(section.model_fields) if section is not None else []
    elsewhere = _names(model)
    key = str(path[-1]).lower().replace("-", "_")
    close = get_close_matches(key, here, n=1, cutoff=0.7)
    if close and (close[0] == key or key not in elsewhere.values()):
        return f"did you mean {close[0]}?"
    close = get_close_matches(key, sorted(set(elsewhere.values())), n=1, cutoff=0.85)
    if close:
        whole = next(candidate for candidate, name in elsewhere.items() if name == close[0])
        return f"did you mean {dotted(whole)}?"
    return "allowed here: " + ", ".join(here)


def _parameter_at(model: type[BaseModel], path: Keys) -> Parameter | None:
    return next((item for item in parameters_of(model) if item.path == path[: len(item.path)]), None)


def _is_given(values: Any, path: Keys) -> bool:
    for part in path:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _labelled(path: Keys, places: Mapping[Keys, str]) -> str:
    place = places.get(path)
    if place is None and isinstance(path[-1], int):  # an element of a list that one variable or one line holds
        place = places.get(path[:-1])
    return f"{dotted(path)} ({place})" if place else dotted(path)


def describe(error: ValidationError, model: type[BaseModel], values: Any, places: Mapping[Keys, str]) -> list[str]:
    """Turn a validation error into one line per fault.

    Parameters
    ----------
    error : ValidationError
        As pydantic raised it for ``model``.
    model : type
        The outermost section.
    values : object
        What was validated.
    places : mapping of path to str
        Line or variable in which each value was found.

    Returns
    -------
    list of str
        ``path (place): found ...; allowed``.
    """
    lines: dict[str, None] = {}  # a dict as an ordered set: each member of a union reports the same value
    items = error.errors(include_url=False)
    locations: list[Keys] = [item["loc"] for item in items]
    for item, location in zip(items, locations, strict=True):
        deeper = any(len(other) > len(location) and other[: len(location)] == location for other in locations)
        if item["type"] == "too_short" and deeper:  # faulty elements were not counted
            continue
        if item["type"] in {"extra_forbidden", "invalid_key"}:
            path = (*location[:-1], str(location[-1]))  # a number can be a key in YAML
            lines[f"{_labelled(path, places)}: unknown key; {suggest(model, path)}"] = None
            continue
        parameter = _parameter_at(model, location)
        if parameter is None:
            name = _labelled(location, places) if location else "top level"
            allowed = "a mapping of settings" if location else "a mapping with the key monitoring"
            lines[f"{name}: found {_found(item['input'])}; {allowed}"] = None
            continue
        end = len(parameter.path)
        in_item = len(location) > end and isinstance(location[end], int)
        path = location[: end + 1] if in_item else location[:end]
        kind = parameter.item if in_item and parameter.item is not None else parameter.kind
        if in_item and parameter.entries is not None and len(location) > end + 1:
            nested = _parameter_at(parameter.entries, location[end + 1 :])
            deep = nested is not None and len(location) > end + 2 and nested.item is not None
            kind = (nested.item if deep else nested.kind) if nested is not None else kind  # type: ignore[assignment]
            path = location[: end + (3 if deep else 2)]
        elif in_item and parameter.entries is not None:
            kind = parameter.kind
        allowed = item["msg"] if item["type"] in {"relation", "repeated"} else kind.allowed
        if item["type"] == "missing":
            lines[f"{_labelled(path, places)}: is missing; {allowed}"] = None
            continue
        default = "" if _is_given(values, location[:end]) else " (the default)"
        found = "a value that is not shown" if kind.secret else _found(item["input"])
        lines[f"{_labelled(path, places)}: found {found}{default}; {allowed}"] = None
    return list(lines)
