"""What plugins declare, looked at where it is written down: each function lets a value pass, or says what it may be.

A value that nobody looks at is taken for something else, or fails late and elsewhere. All raise
:class:`DeclarationError` that names the owner, the field, what was given and what is allowed.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NoReturn

from hpe_bench.errors import DeclarationError, did_you_mean

_SHOWN = 80
NAME = r"\w[\w.-]*"


def refuse(owner: str, field: str, value: Any, allowed: str) -> NoReturn:
    """The error of a value that is not ``allowed``, such as "a whole number from 1 on"."""
    raise DeclarationError(f"{owner}({field}={shown(value)}): {field} is {allowed}")


def shown(value: Any) -> str:
    """A value as it stands in an error: one line, not too long."""
    text = ascii(value) if not isinstance(value, type) else f"the class {value.__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def one_of(owner: str, field: str, value: Any, choices: Collection[str]) -> None:
    """One of some words."""
    if not isinstance(value, str):
        refuse(owner, field, value, f"one of {', '.join(choices)}")
    if value not in choices:
        raise DeclarationError(f"{owner}({field}={shown(value)}): no such {field}{did_you_mean(value, choices)}")


def text(owner: str, field: str, value: Any, *, empty: bool = True) -> None:
    """A text; with ``empty`` false one that says something."""
    if not isinstance(value, str):
        refuse(owner, field, value, f"a text{hint_of(value)}")
    if not empty and not value.strip():
        refuse(owner, field, value, "a text that says something")


def name(owner: str, field: str, value: Any, *, optional: bool = False, pattern: str = NAME) -> None:
    """A name: letters, digits, "_", "." and "-"."""
    if (value is None and optional) or (isinstance(value, str) and re.fullmatch(pattern, value)):
        return
    refuse(owner, field, value, f"a name (letters, digits, '_', '.' and '-'){' or None' if optional else ''}")


def names(owner: str, field: str, value: Any) -> None:
    """Several names; a single text is no list of them."""
    if isinstance(value, str):
        refuse(owner, field, value, f"a sequence of names: write ({value!r},)")
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        refuse(owner, field, value, "a sequence of names")
    for part in value:
        if not isinstance(part, str) or not part.strip():
            refuse(owner, field, value, f"a sequence of names, and {shown(part)} is none")


def whole(owner: str, field: str, value: Any, least: int, most: int | None = None, *, optional: bool = False) -> None:
    """A whole number between two ends, both included."""
    if value is None and optional:
        return
    right = isinstance(value, Integral) and not isinstance(value, bool)
    if not right or value < least or (most is not None and value > most):
        ends = f"from {least} on" if most is None else f"from {least} to {most}"
        refuse(owner, field, value, f"a whole number {ends}{' or None' if optional else ''}")


def number(owner: str, field: str, value: Any, least: float = -math.inf, most: float = math.inf) -> None:
    """A finite number between two ends, both included."""
    right = isinstance(value, Real) and not isinstance(value, bool)
    if not right or not math.isfinite(value) or not least <= value <= most:
        ends = "" if math.isinf(least) and math.isinf(most) else f" from {least:g} to {most:g}"
        refuse(owner, field, value, f"a finite number{ends}")


def flag(owner: str, field: str, value: Any) -> None:
    """True or False."""
    if not isinstance(value, bool):
        refuse(owner, field, value, "True or False")


def mapping(owner: str, field: str, value: Any, of: str = "values by name") -> None:
    """A mapping from names."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(owner, field, value, f"a mapping: {of}")


def json_ready(owner: str, field: str, value: Any) -> None:
    """What can be written as JSON and read back."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        refuse(owner, field, value, f"hashed and stored as JSON, which it cannot be ({error})")


def instance(owner: str, field: str, value: Any, kinds: type | tuple[type, ...]) -> None:
    """A thing of one of some classes, and not the class itself."""
    if isinstance(value, kinds):
        return
    known = kinds if isinstance(kinds, tuple) else (kinds,)
    words = " or ".join(kind.__name__ for kind in known)
    itself = isinstance(value, type) and issubclass(value, known)
    refuse(owner, field, value, f"one of {words}" + (f": write {value.__name__}()" if itself else ""))


def function(owner: str, field: str, value: Any, arguments: Sequence[str], *, optional: bool = False) -> None:
    """A function that can be called with so many arguments by position."""
    if value is None and optional:
        return
    if not callable(value):
        refuse(owner, field, value, f"a function of ({', '.join(arguments)}){' or None' if optional else ''}")
    if problem := misfit_of(value, arguments):
        refuse(owner, field, value, f"a function of ({', '.join(arguments)}); {problem}")


def misfit_of(value: Callable[..., Any], arguments: Sequence[str]) -> str:
    """Why a function cannot be called with so many arguments by position; "" where it can, or where nobody knows."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # built in
        return ""
    try:
        signature.bind(*arguments)
    except TypeError as error:
        return f"this one is of {signature}: {error}"
    return ""


def hint_of(value: Any) -> str:
    """What may have been meant by a value that should be a text."""
    return ": leave it out where there is none" if value is None else ""
