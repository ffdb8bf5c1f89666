"""What differs between the keys of two runs, or of two trainings, in a reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpe_bench.options import written

_MOST = 3
_NAMES = {"samples": "the samples", "plugin": "the plugin", "protocol": "the protocol", "weights": "the weights"}


def differences(before: Any, now: Mapping[str, Any]) -> list[str]:
    """One text for each part of the keys that differs, such as ``scipy 1.13.0, was 1.12.0``."""
    before = _mapping(before)
    found: list[str] = []
    for part in dict.fromkeys([*now, *before]):
        old, new = before.get(part), now.get(part)
        if old == new:
            continue
        if part == "code":
            found.append(_code(_mapping(old), _mapping(new)))
        elif part in ("data", "files"):
            found.append(f"the file {_some(_changed(_mapping(old), _mapping(new)))}")
        elif part in ("versions", "options"):
            a, b = _mapping(old), _mapping(new)
            found += [f"{name} {_value(b.get(name))}, was {_value(a.get(name))}" for name in _changed(a, b)]
        elif part in ("dataset", "datasets"):
            found.append("the labels, files or options of the data")
        elif isinstance(new, (str, int)) and isinstance(old, (str, int)) and part not in _NAMES:
            found.append(f"{part} {new}, was {old}")
        else:
            found.append(_NAMES.get(part, f"the {part}"))
    return found


def _code(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if not set(before) & set(now):
        return "the code, of which an earlier version of hpe-bench kept no account"
    return f"the code of {_some(_changed(before, now))}"


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _value(value: Any) -> str:
    return written(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
