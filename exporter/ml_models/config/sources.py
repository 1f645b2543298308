"""Where settings come from: YAML text and environment variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from ml_models.config.parameters import ENV_PREFIX, Keys, Parameter, dotted
from ml_models.errors import ConfigError

#: Names the file that is read when no other is given.
CONFIG_VARIABLE = "ML_MODELS_CONFIG"

# YAML 1.2's core schema. PyYAML follows 1.1, where `no` is false, 1:30 is 90, 010 is 8 and 1e3 is text.
_SCALARS: tuple[tuple[str, str, list[str]], ...] = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    ("tag:yaml.org,2002:merge", r"<<", ["<"]),
)
_TAGS = tuple(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's own way to state resolvers; filled below
    # a timestamp, a set or bytes cannot be a setting: only the tags of the core schema are known
    yaml_constructors = {  # noqa: RUF012
        **{tag: yaml.SafeLoader.yaml_constructors[tag] for tag in _TAGS},
        None: yaml.SafeLoader.yaml_constructors[None],
    }


class _Dumper(yaml.SafeDumper):
    """Quotes text that either version of YAML would read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # PyYAML writes these line separators as they are unless they stand in double quotes, and folds them when it reads
    style = '"' if set(value) & {"\x85", "\u2028", "\u2029"} else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), _first)
    _Dumper.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), _first)


@dataclass(frozen=True, slots=True)
class Source:
    """Raw values, and where each was found.

    Parameters
    ----------
    values : object
        As read: nested dicts, unless the text is something else.
    places : mapping of path to str
        Line or variable of each value.
    faults : tuple of str
        What was already seen to be wrong.
    """

    values: Any
    places: Mapping[Keys, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def dump_yaml(values: Mapping[str, Any]) -> str:
    """Write settings as YAML that reads back to the same values."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


def _lines(node: yaml.Node, path: Keys, seen: set[int]) -> Iterator[tuple[Keys, int, bool]]:
    """Yield each value's path, the line of its key and whether the key stood there before."""
    if id(node) in seen:  # an alias: its anchor has been walked, and it may hold itself
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield (*path, index), child.start_mark.line + 1, False
            yield from _lines(child, (*path, index), seen)
    elif isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, child in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield (*path, key.value), key.start_mark.line + 1, key.value in keys
                keys.add(key.value)
                yield from _lines(child, (*path, key.value), seen)


def parse_yaml(data: bytes | str, name: str) -> Source:
    """Parse YAML text.

    Parameters
    ----------
    data : bytes or str
        The text; bytes may be UTF-8 or UTF-16.
    name : str
        File name, for messages.

    Raises
    ------
    ConfigError
        If the text is not one YAML document of plain values; the message has line and column.
    """
    try:
        loader = _Loader(data)
        try:
            node = loader.get_single_node()
            places: dict[Keys, str] = {}
            first: dict[Keys, int] = {}
            faults: list[str] = []
            for path, line, repeated in _lines(node, (), set()) if node else ():
                if repeated:
                    faults.append(f"{dotted(path)}: found again on line {line}, after line {first[path]}; a key once")
                first.setdefault(path, line)
                places[path] = f"line {line}"
            values = loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(name, [f"{where}not valid YAML: {said}"]) from error
    except yaml.reader.ReaderError as error:
        raise ConfigError(name, [f"position {error.position}: not text in UTF-8: {error.reason}"]) from error
    except RecursionError as error:
        raise ConfigError(name, ["nested too deeply; settings are at most four levels deep"]) from error
    except (ValueError, KeyError) as error:  # an explicit tag on a value that does not fit it, or a number too long
        raise ConfigError(name, [f"a value does not fit its YAML tag: {error}"]) from error
    return Source(values, places, tuple(faults))


def read_yaml(file: Path, name: str) -> Source:
    """Read and parse a YAML file.

    Parameters
    ----------
    file : path
        The file.
    name : str
        What messages call it.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not valid YAML.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        remedy = "give the path of a YAML file with the top key monitoring"
        raise ConfigError(name, [f"no such file; {remedy}"]) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(name, [f"cannot be read: {reason}"]) from error
    return parse_yaml(data, name)


_SERVICE_LINK = re.compile(r"_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)|_PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)?$")


def _is_service_link(name: str, value: str) -> bool:
    """Tell whether Kubernetes set the variable: it describes each Service to each pod, also one called ml-models-..."""
    if not _SERVICE_LINK.search(name):
        return False
    return "://" in value or not name.endswith("_PORT") or name.endswith("_SERVICE_PORT")


def read_environment(environ: Mapping[str, str], parameters: tuple[Parameter, ...]) -> Source:
    """Read the ``ML_MODELS_`` variables; an empty one counts as not set.

    Parameters
    ----------
    environ : mapping of str to str
        The environment.
    parameters : tuple of Parameter
        What can be set.

    Returns
    -------
    Source
        Nested values, the variable of each, and a fault for each variable that sets nothing.
    """
    known = {parameter.variable: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    places: dict[Keys, str] = {}
    faults: list[str] = []
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX) or name == CONFIG_VARIABLE or _is_service_link(name, environ[name]):
            continue
        parameter = known.get(name)
        if parameter is None:
            close = get_close_matches(name, [*known, CONFIG_VARIABLE], n=1, cutoff=0.8)
            remedy = f"did you mean {close[0]}?" if close else "mlmon config schema lists what can be set"
            faults.append(f"{name}: unknown variable; {remedy}")
        elif environ[name].strip():
            place = values
            for part in parameter.path[:-1]:
                place = place.setdefault(part, {})
            place[parameter.path[-1]] = parameter.kind.parse(environ[name])
            places[parameter.path] = name
    return Source(values, places, tuple(faults))
