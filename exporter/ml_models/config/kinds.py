"""What a parameter may be: the types of the settings, each with its words for people.

The words stand beside the bounds that they describe, so that the error message, the reference table
and the JSON schema say the same.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

ClassLabel = str | int


def parse_number(text: str) -> object:
    """Read an environment variable's text as a number; ``none`` and ``null`` switch an optional one off.

    Text that is no number is returned as it is, for the validation to name.

    Examples
    --------
    >>> parse_number("60"), parse_number("0.5"), parse_number("null"), parse_number("fast")
    (60, 0.5, None, 'fast')
    """
    if text.strip().casefold() in {"none", "null"}:
        return None
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def parse_switch(text: str) -> object:
    """Read a switch; text that is none is returned as it is, for the validation to name.

    Examples
    --------
    >>> parse_switch("True"), parse_switch("false"), parse_switch("maybe")
    (True, False, 'maybe')
    """
    return {"true": True, "false": False}.get(text.strip().casefold(), text)


def parse_label(text: str) -> ClassLabel:
    """Read a class label: whole numbers become numbers, all else is text.

    Examples
    --------
    >>> parse_label("1"), parse_label("churned")
    (1, 'churned')
    """
    stripped = text.strip()  # of more than int() takes around a number
    return int(stripped) if re.fullmatch(r"[+-]?[0-9]{1,18}", stripped) else stripped


def parse_list(text: str) -> list[str]:
    """Split a comma-separated list.

    Examples
    --------
    >>> parse_list("email, slack")
    ['email', 'slack']
    """
    return [item.strip() for item in text.split(",") if item.strip()]


def parse_parts(text: str) -> list[str]:
    """Split a list whose elements have commas themselves, at its semicolons.

    Examples
    --------
    >>> parse_parts("sat,sun; mon-fri 20:00-07:00")
    ['sat,sun', 'mon-fri 20:00-07:00']
    """
    return [item.strip() for item in text.split(";") if item.strip()]


def parse_json(text: str) -> object:
    """Read a list of mappings from an environment variable; text that is no JSON is returned as it is.

    Examples
    --------
    >>> parse_json('[{"name": "fraud"}]'), parse_json("fraud")
    ([{'name': 'fraud'}], 'fraud')
    """
    try:
        return json.loads(text)
    except ValueError:
        return text


def parse_labels(text: str) -> list[ClassLabel]:
    """Read a comma-separated list of class labels.

    Examples
    --------
    >>> parse_labels("0,1")
    [0, 1]
    """
    return [parse_label(item) for item in parse_list(text)]


def parse_flag(text: str) -> object:
    """Read true or false; ``none`` and ``null`` leave it open. Other text is returned as it is.

    Examples
    --------
    >>> parse_flag("True"), parse_flag("none"), parse_flag("maybe")
    (True, None, 'maybe')
    """
    known = {"true": True, "false": False, "none": None, "null": None}
    return known.get(text.strip().casefold(), text)


@dataclass(frozen=True, slots=True)
class Kind:
    """Words for what a parameter takes, and how an environment variable's text is read.

    Parameters
    ----------
    allowed : str
        Completes "found 'fast'; ...".
    unit : str
        Unit as users write it, or ``""``.
    parse : callable
        Text of an environment variable to a value that is then validated.
    secret : bool
        Whether a faulty value may hold a secret, and is not to be shown.
    """

    allowed: str
    unit: str = ""
    parse: Callable[[str], object] = str
    secret: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """State the unit in the JSON schema, as ``x-unit``."""
        described = handler(schema)
        if self.unit:
            described["x-unit"] = self.unit
        return described


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some names, whatever their case.

    Parameters
    ----------
    names : tuple of str
        Names as the rest of the package knows them.
    """

    names: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        """Words for the choice."""
        return Kind("one of " + ", ".join(self.names), parse=str.strip)

    def _fold(self, value: object) -> object:
        folded = value.casefold() if isinstance(value, str) else value
        return next((name for name in self.names if name.casefold() == folded), value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as a literal after the case has been brought to the known name's."""
        return core_schema.no_info_before_validator_function(self._fold, core_schema.literal_schema(list(self.names)))


def _whole(value: object) -> object:
    # YAML reads 1e6 as a float; a count written so is meant as a whole number.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _path_text(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _without_password(value: str) -> str:
    if "://" in value:
        address = urlsplit(value)
        if not address.scheme.startswith("postgresql") or address.password or "password=" in address.query:
            raise ValueError("another URL, or one with a password")
    return value


def as_tuple(value: object) -> object:
    """Make a list a tuple; a set has no order and is no list of settings."""
    return tuple(value) if isinstance(value, list) else value


def _encodable(value: str) -> str:
    # A lone surrogate, as undecodable bytes in the environment give, could be neither exposed nor logged.
    value.encode("utf-8")
    return value


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Check that no value stands there twice."""
    if len(set(values)) < len(values):
        raise PydanticCustomError("repeated", "each at most once")
    return values


def above(other: str) -> Callable[[float, ValidationInfo], float]:
    """Check that a value is above another field of its section."""

    def check(value: float, info: ValidationInfo) -> float:
        bound = info.data.get(other)
        if bound is not None and value <= bound:  # None: the other is itself at fault
            raise PydanticCustomError(
                "relation", "a number above {other} ({bound})", {"other": other, "bound": _plain(bound)}
            )
        return value

    return check


def at_least(other: str) -> Callable[[float, ValidationInfo], float]:
    """Check that a value is not below another field of its section."""

    def check(value: float, info: ValidationInfo) -> float:
        bound = info.data.get(other)
        if bound is not None and value < bound:
            raise PydanticCustomError(
                "relation", "a number not below {other} ({bound})", {"other": other, "bound": _plain(bound)}
            )
        return value

    return check


def unlike_port(other: str) -> Callable[[int | None, ValidationInfo], int | None]:
    """Check that a port is not another field's port; 0 is any free port and may be both."""

    def check(value: int | None, info: ValidationInfo) -> int | None:
        if value and value == info.data.get(other):
            raise PydanticCustomError("relation", "a port other than {other}", {"other": other})
        return value

    return check


def member_of(other: str) -> Callable[[Any, ValidationInfo], Any]:
    """Check that a value is among another field's values, where both are set."""

    def check(value: Any, info: ValidationInfo) -> Any:
        members = info.data.get(other)
        if value is not None and members is not None and value not in members:
            listed = ", ".join(repr(member) for member in members)
            raise PydanticCustomError("relation", "one of {other} ({listed})", {"other": other, "listed": listed})
        return value

    return check


def _real(*, ge: float | None = None, gt: float | None = None, le: float | None = None) -> Any:
    # strict: a quoted number or a boolean is a slip of the pen and not silently a number
    return Field(strict=True, allow_inf_nan=False, ge=ge, gt=gt, le=le)


def _plain(number: float) -> str:
    return f"{number:.15g}"


Text = Annotated[
    str,
    Field(strict=True, pattern=r"\S"),
    AfterValidator(_encodable),
    Kind("text that is not empty (put a number in quotes)", parse=str.strip),
]
AnyText = Annotated[
    str, Field(strict=True), AfterValidator(_encodable), Kind("text (put a number in quotes)", parse=str.strip)
]
FolderPath = Annotated[
    str,
    Field(strict=True, min_length=1),
    BeforeValidator(_path_text),
    AfterValidator(_encodable),
    Kind("a folder's path", parse=str.strip),
]
FilePath = Annotated[
    str,
    Field(strict=True, min_length=1),
    BeforeValidator(_path_text),
    AfterValidator(_encodable),
    Kind("a file's path", parse=str.strip),
]
LedgerTarget = Annotated[
    str,
    Field(strict=True, pattern=r"\S"),
    BeforeValidator(_path_text),
    AfterValidator(_encodable),
    AfterValidator(_without_password),
    Kind(
        "a file's path, memory, or postgresql://user@host/database without a password (that belongs in the file of "
        "ledger_url_file, or in PGPASSWORD)",
        parse=str.strip,
        secret=True,
    ),
]
#: 366 days: longer waits overflow the platform's timers.
Seconds = Annotated[
    float,
    _real(ge=0.1, le=31622400),
    Kind("a number of seconds from 0.1 to 31622400 (366 days)", "seconds", parse_number),
]
Milliseconds = Annotated[float, _real(gt=0), Kind("a number of milliseconds above 0", "milliseconds", parse_number)]
Ratio = Annotated[float, _real(ge=0, le=1), Kind("a ratio from 0 to 1 (0.95 for 95 percent)", "ratio", parse_number)]
PositiveRatio = Annotated[float, _real(gt=0, le=1), Kind("a ratio above 0 and up to 1", "ratio", parse_number)]
Percent = Annotated[float, _real(gt=0, le=100), Kind("a percentage above 0 and up to 100", "percent", parse_number)]
#: A memory limit of 0.8 percent is a ratio in the wrong unit: it would alert for ever.
UsagePercent = Annotated[
    float, _real(gt=1, le=100), Kind("a percentage above 1 and up to 100 (80, not 0.8)", "percent", parse_number)
]
Weight = Annotated[float, _real(ge=0), Kind("a number of 0 or more", "", parse_number)]
Switch = Annotated[bool, Field(strict=True), Kind("true or false", parse=parse_switch)]
Score = Annotated[float, _real(gt=0), Kind("a number above 0", "", parse_number)]
Count = Annotated[
    int,
    Field(strict=True, ge=1, le=1000000000),
    BeforeValidator(_whole),
    Kind("a whole number from 1 to 1000000000", "count", parse_number),
]
CountFromZero = Annotated[
    int,
    Field(strict=True, ge=0, le=1000000000),
    BeforeValidator(_whole),
    Kind("a whole number from 0 to 1000000000", "count", parse_number),
]
Bytes = Annotated[
    int,
    Field(strict=True, ge=65536, le=1099511627776),
    BeforeValidator(_whole),
    Kind("a whole number of bytes from 65536 (64 KiB) to 1099511627776 (1 TiB)", "bytes", parse_number),
]
Port = Annotated[
    int,
    Field(strict=True, ge=0, le=65535),
    BeforeValidator(_whole),
    Kind("a whole number from 0 to 65535", "", parse_number),
]
Label = Annotated[
    Annotated[str, Field(strict=True, min_length=1), AfterValidator(_encodable)]
    | Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
    | Annotated[bool, Field(strict=True)],
    Kind("a class: text, a whole number, true or false", parse=parse_label),
]
Names = Annotated[
    tuple[Text, ...],
    Field(strict=True),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    Kind("a list of names", parse=parse_list),
]
Labels = Annotated[
    tuple[Label, ...],
    Field(strict=True, min_length=2),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    Kind("a list of at least 2 different classes", parse=parse_labels),
]
Flag = Annotated[bool, Field(strict=True), Kind("true or false", parse=parse_flag)]
Texts = Annotated[
    tuple[Text, ...],
    Field(strict=True),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    Kind("a list of text", parse=parse_list),
]
#: A user and a password in it would be a secret in a file that is none.
Url = Annotated[
    str,
    Field(strict=True, pattern=r"^https?://[^\s@]+$"),
    AfterValidator(_encodable),
    Kind("an address that begins with http:// or https://, without user and password", parse=str.strip),
]
