"""Typed, documented options of estimators and datasets: a pydantic model each, filled from ``key=value``."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

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
    given = {key: _word(model.model_fields[key].annotation, value) for key, value in given.items()}
    # As it is first: a validator of the plugin's may read text in a way of its own.
    parted = {key: _parted(model.model_fields[key].annotation, value) for key, value in given.items()}
    try:
        try:
            return model(**given)
        except ValidationError:
            return model(**parted)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "options"
        if first["type"] == "literal_error":
            hint = did_you_mean(str(first["input"]), re.findall(r"[^\s',]+(?='|,| or |$)", first["ctx"]["expected"]))
            raise UsageError(f"{owner} has no {name} '{first['input']}'{hint}") from None
        given_value = f" {name}={first['input']!r}" if first["loc"] else "s"
        # Before a validator's own words pydantic puts the class of the error.
        raise UsageError(f"{owner}: option{given_value}: {first['msg'].removeprefix('Value error, ')}") from None


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


def _word(annotation: Any, value: Any) -> Any:
    """The text of a command line as the word of a Literal that is written so, such as 9, or None where that may be."""
    kinds = _kinds(annotation)
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    known = (word for word in (*words, *([None] if type(None) in kinds else [])) if written(word) == value)
    return next(known, value) if isinstance(value, str) else value


def _parted(annotation: Any, value: Any) -> Any:
    """The text of a command line as the parts that it is written of: ``20,40``, or JSON of what is nested."""
    for kind in _kinds(annotation) if isinstance(value, str) else ():
        made_of = get_origin(kind) or kind
        if not inspect.isclass(made_of) or issubclass(made_of, str):
            continue
        if issubclass(made_of, (Mapping, BaseModel)) or (issubclass(made_of, (Sequence, Set)) and value[:1] == "["):
            return _json(value)
        if issubclass(made_of, (Sequence, Set)):
            return [part for part in value.split(",") if part]
    return value


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """What an option may be of."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # pydantic says what it expected
        return text


def written(value: Any) -> str:
    """An option's value, JSON-ready, as it is written on a command line."""
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        parts = [written(part) for part in value]
        flat = not any(part is None or isinstance(part, (list, tuple, dict)) for part in value)
        plain = flat and all(part and "," not in part for part in parts) and not "".join(parts).startswith("[")
        return ",".join(parts) if plain else json.dumps(value)
    return value if isinstance(value, str) else json.dumps(value)


def written_pairs(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Options, JSON-ready, as they are given on a command line: ``key=value`` each."""
    return [f"{prefix}{name}={written(value)}" for name, value in values.items()]


def written_defaults(model: type[Options]) -> dict[str, str]:
    """The default of every option as it is given on a command line."""
    return {name: written(value) for name, value in model().model_dump(mode="json").items()}


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
