"""The set of weights that a training makes: found again where it is the very same, else put in place whole."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from hpe_bench.errors import DataError, StorageError, UsageError
from hpe_bench.estimators import Card
from hpe_bench.locks import is_abandoned, owner
from hpe_bench.runs.weights import check_not_shipped, read_card
from hpe_bench.storage import file_digest, make_folder, storage_errors, sync_folder, write_atomically


def stored_set(target: Path, training: str) -> Card | None:
    """The card of the set at ``target`` where this very training made it and its files are whole, else None."""
    try:
        card = read_card(target)
        if card is None or card.training != training:
            return None
        whole = all(file_digest(target / name) == digest for name, digest in card.files.items())
    except DataError:
        return None
    return card if whole else None


def check_replaceable(target: Path, training: str, again: bool, why: Callable[[Card], str] = lambda card: "") -> None:
    """:class:`UsageError` where a set at ``target`` must not be replaced: one that the project ships, or, without
    ``again``, one that another training made; ``why`` may say what the other training had."""
    if not os.path.lexists(target):
        return
    check_not_shipped(target)
    try:
        card = read_card(target)
    except DataError:
        card = None
    if again or (card is not None and card.training == training):
        return
    what = "that was not trained here"
    if card is not None and card.training:
        what = f"of another training{why(card)}"
    raise UsageError(f"{target} holds a set {what}: --as NAME gives this one another name, --again replaces that one")


def put_set(target: Path, files: Mapping[str, bytes], card: Card, again: bool) -> None:
    """Write the files and the card to ``target``: the whole set, or, after a kill at any moment, what was there before
    or nothing, never a part."""
    tidy(target)
    make_folder(target.parent)
    fresh, old = _hidden(target, "new"), _hidden(target, "old")
    with storage_errors(fresh):
        fresh.mkdir()
    try:
        for name, content in files.items():
            write_atomically(fresh / name, content)
        card.write(fresh)
        # Another training may have taken the name meanwhile.
        check_replaceable(target, card.training, again)
        with storage_errors(target):
            if os.path.lexists(target):
                target.rename(old)
            fresh.rename(target)
        sync_folder(target.parent)
    finally:
        if os.path.lexists(old) and not os.path.lexists(target):
            old.rename(target)
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)


def check_writable(target: Path) -> None:
    """:class:`StorageError` where no set could be put at ``target``: better known before a training than after it."""
    existing = next(parent for parent in target.absolute().parents if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise StorageError(f"{existing} cannot be written to: choose another folder with --weights (HPE_BENCH_WEIGHTS)")


def tidy(target: Path) -> None:
    """Remove what a killed writer left beside ``target``, or put back what it had moved aside to make room."""
    for left in target.parent.glob(f".{target.name}.*"):
        made = re.fullmatch(rf"\.{re.escape(target.name)}\.(new|old)-([0-9a-f.]+)-[0-9a-f]+", left.name)
        if made is None or not is_abandoned(left, made[2]):
            continue
        if made[1] == "old" and not os.path.lexists(target):
            with storage_errors(target):
                left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _hidden(target: Path, what: str) -> Path:
    return target.with_name(f".{target.name}.{what}-{owner()}-{uuid.uuid4().hex[:8]}")
