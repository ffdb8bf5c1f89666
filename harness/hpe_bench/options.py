"""Typed, documented options of estimators and datasets: a pydantic model each, filled from ``key=value``."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from hpe_bench.errors import UnknownName, UsageError, did_you_mean
from hpe_bench.settings import user_path
from hpe_bench.storage import file_digest

#: What options are for: to evaluate, to learn from images or from landmarks, or to prepare a dataset.
Purpose = Literal["evaluate", "learn-images", "learn-landmarks", "prepare"]


class Options(BaseModel):
    """Base of every options model: unknown keys are refused, values never change after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    #: Those that decide nothing of what comes out, such as the number of workers of a training.
    bystanders: ClassVar[frozenset[str]] = frozenset()

    def idle(self, purpose: Purpose) -> Mapping[str, str]:
        """Options that make no difference to that purpose with the others as they are, each with the reason.

        One that is given all the same is refused: nobody is to think that it did anything.
        """
        return {}


def parse_pairs(pairs: Sequence[str], flag: str = "-o ") -> dict[str, str]:
    """``key=value`` strings as a dictionary."""
    parsed: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"'{flag}{pair}' is not of the form key=value")
        parsed[key.strip()] = value.strip()
    return parsed


def build_options(model: type[Options], given: Mapping[str, Any], owner: str) -> Options:
    """The options model of ``owner`` filled with ``given``; UsageError with a suggestion where it does not fit."""
    for key in given:
        if key not in model.model_fields:
            raise UnknownName("option", key, model.model_fields, hint=f" ({owner})")
    given = {key: _expanded(model, key, value) for key, value in given.items()}
    try:
        return model(**{key: _meant(model.model_fields[key].annotation, value) for key, value in given.items()})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "options"
        if first["type"] == "literal_error":
            hint = did_you_mean(str(first["input"]), re.findall(r"[^\s',]+(?='|,| or |$)", first["ctx"]["expected"]))
            raise UsageError(f"{owner} has no {name} '{first['input']}'{hint}") from None
        given_value = f" {name}={first['input']!r}" if first["loc"] else "s"
        raise UsageError(f"{owner}: option{given_value}: {first['msg']}") from None


def idle_options(options: Options, purpose: Purpose) -> Mapping[str, str]:
    """What :meth:`Options.idle` says; nothing of options one of which has its name."""
    return options.idle(purpose) if "idle" not in type(options).model_fields else {}


def refuse_idle(options: Options, given: Collection[str], purpose: Purpose, owner: str) -> None:
    """:class:`UsageError` where an option that is given makes no difference."""
    idle = idle_options(options, purpose)
    for name in given:
        if name in idle:
            value = written(options.model_dump(mode="json")[name])
            raise UsageError(f"{owner}: {name}={value} makes no difference here: {idle[name]}; leave it out")


def _meant(annotation: Any, value: Any) -> Any:
    """A value of a command line as the word of a Literal that it is written as, such as 9; as it is elsewhere."""
    if isinstance(value, str) and get_origin(annotation) is Literal:
        return next((word for word in get_args(annotation) if written(word) == value), value)
    return value


def written(value: Any) -> str:
    """An option's value, JSON-ready, as it is written on a command line."""
    if isinstance(value, list):
        return ",".join(map(written, value))
    return value if isinstance(value, str) else json.dumps(value)


def option_files(options: Options) -> dict[str, str]:
    """SHA-256 of the files that options name, by option: what stands in them decides, and not their names alone."""
    found: dict[str, str] = {}
    for name, value in options:
        if name not in options.bystanders:
            files = list(_files_in(value))
            found.update({f"{name}.{n}" if len(files) > 1 else name: file_digest(file) for n, file in enumerate(files)})
    return found


def _files_in(value: Any) -> Iterator[Path]:
    if isinstance(value, Path) and value.is_file():
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _files_in(inner)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from _files_in(inner)


def changed_options(options: Options) -> dict[str, Any]:
    """The options that differ from their defaults, JSON-ready."""
    defaults = {
        name: field.get_default(call_default_factory=True) for name, field in type(options).model_fields.items()
    }
    values = options.model_dump(mode="json")
    return {name: value for name, value in values.items() if getattr(options, name) != defaults[name]}


def _expanded(model: type[Options], key: str, value: Any) -> Any:
    """The value of an option; ``~`` of a path's replaced by the home folder, which no shell does behind ``key=``."""
    kind = model.model_fields[key].annotation
    is_path = kind is Path or Path in get_args(kind)
    return user_path(value) if is_path and isinstance(value, str) and value.startswith("~") else value
