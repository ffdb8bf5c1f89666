"""Errors that a user can cause: one or two lines that name the mend, each with its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class HpeBenchError(Exception):
    """Base of every error whose message is meant for a user and needs no traceback."""

    exit_code: ClassVar[int] = 1


class UsageError(HpeBenchError):
    """A name, option or combination that does not exist or does not fit."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, given: str, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        super().__init__(f"no {kind} '{given}'{did_you_mean(given, names)}{hint}")


class PluginError(UsageError):
    """Plugins that cannot stand beside each other, or, with --strict, one that failed."""


class DeclarationError(PluginError, ValueError):
    """What a plugin declares and what means nothing, or not what it seems to: an order of colours that there is not."""


class MissingError(HpeBenchError):
    """Data, weights or a package that the user has to provide first."""

    exit_code = 3


class DataError(HpeBenchError):
    """A file of a dataset, a checkpoint or a run that is not what it should be; the message names it."""

    exit_code = 3


class SampleError(DataError):
    """One sample of a dataset that cannot be used: --skip-bad leaves it out."""


class UnitError(SampleError):
    """Angles of a sample in another unit than its dataset's: where most have it, all have, whatever can be read."""


class DamagedError(DataError):
    """A run file whose content is not what was written."""


class StorageError(HpeBenchError):
    """A folder that cannot be written to, or a disk that is full."""

    exit_code = 3


class RunFailed(HpeBenchError):
    """An estimator raised, returned what no estimator may return, or took its process with it.

    ``traceback`` and ``output`` are what is known of it where that was in another process: where it was, and the last
    that it printed.
    """

    exit_code = 4

    def __init__(self, message: str, *, traceback: str = "", output: str = "") -> None:
        super().__init__(message)
        self.traceback, self.output = traceback, output


class LearnedNothing(RunFailed):
    """A training that ended no better than the zero pose; its run is stored, its weights are not."""


class FellShort(HpeBenchError):
    """A comparison, or a table, that is not as good as it has to be."""

    exit_code = 5


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """The end of an error message: the close names, or where there is none, the names there are."""
    names = sorted(known)
    lowered = {name.lower(): name for name in names}
    close = [lowered[match] for match in difflib.get_close_matches(given.lower(), lowered, n=3, cutoff=0.5)]
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; there is {', '.join(names)}" if names else "; there is none"
