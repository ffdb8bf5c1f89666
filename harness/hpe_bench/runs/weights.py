"""Sets of checkpoints: where an estimator's lie, and the card beside them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import getattr_static
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hpe_bench.content import instead_of_bytes
from hpe_bench.declarations import values as declared
from hpe_bench.errors import DataError, HpeBenchError, MissingError, UsageError
from hpe_bench.estimators import SET_NAME, Card, Estimator, Images, Landmarks, Nothing
from hpe_bench.plugins import Registry
from hpe_bench.reading import parse_json, read_regular
from hpe_bench.settings import Folders
from hpe_bench.storage import file_digest

_CARD = TypeAdapter(Card)
_MAX_CARD = 2**20
_MEND_CARD = "fetch, import or train its weights anew, or remove it"


def weights_name(kind: type[Estimator], name: str) -> str:
    """The folder of an estimator's sets below a weights folder."""
    return kind.weights_folder or name


def find_weights(estimator: Estimator, name: str, folders: Folders) -> Mapping[str, Path]:
    """The files that an estimator will load, by role: the user's, else those that the project ships.

    Raises the :class:`MissingError` of the user's folder where neither has them, and :class:`DataError` where one of
    them is not what the card beside it says: the numbers of a network have no other checksum.
    """
    missing: MissingError | None = None
    for folder in folders.weight_folders(weights_name(type(estimator), name)):
        try:
            found = _checked(estimator, estimator.find_weights(folder))
        except MissingError as error:
            missing = missing or error
        else:
            for path in found.values():
                _check_whole(path)
            return found
    assert missing is not None
    raise missing


def _checked(estimator: Estimator, found: Any) -> Mapping[str, Path]:
    """What an estimator found, and the inputs that it may have set anew; :class:`DeclarationError` for other things."""
    owner = f"{type(estimator).__name__}.find_weights"
    declared.mapping(owner, "returned", found, "paths by role")
    for role, path in found.items():
        declared.instance(owner, f"returned['{role}']", path, Path)
    declared.instance(owner, "inputs", estimator.inputs, (Images, Landmarks, Nothing))
    return dict(found)


def _check_whole(path: Path) -> None:
    card = read_card(path.parent)
    stated = "" if card is None else card.files.get(path.name, "")
    if re.fullmatch("[0-9a-f]{64}", stated) and stated != file_digest(path):
        raise DataError(
            f"{path} is damaged, or another file than {Card.FILE} beside it tells of: fetch, import or train it anew, "
            f"or remove that card if the file is meant to be another"
        )


@dataclass(frozen=True)
class WeightSet:
    """A set of weights that an estimator could load: ``default`` is the one that it loads unless told otherwise.

    ``card`` is None where there is none beside the files, or it is none.
    """

    name: str
    files: Mapping[str, Path]
    default: bool
    card: Card | None


def stored_sets(kind: type[Estimator], name: str, folders: Folders) -> list[WeightSet]:
    """The sets of an estimator's, the user's before those that the project ships; first the default, where it is."""
    default = find_options_set(kind)
    known = [default]
    if "weights" in kind.Options.model_fields:
        for folder in folders.weight_folders(weights_name(kind, name)):
            inside = sorted(folder.iterdir()) if folder.is_dir() else []
            known += [path.name for path in inside if path.is_dir() and re.fullmatch(SET_NAME, path.name)]
    found = []
    for set_name in dict.fromkeys(known):
        with contextlib.suppress(HpeBenchError, ValidationError):
            files = find_weights(kind(kind.Options(**({"weights": set_name} if set_name else {}))), name, folders)
            if files:
                found.append(WeightSet(set_name, files, set_name == default, _card_beside(files)))
    return found


def find_options_set(kind: type[Estimator]) -> str:
    """The set that an estimator loads unless told otherwise; "" where it has no such option."""
    field = kind.Options.model_fields.get("weights")
    return "" if field is None else str(field.get_default(call_default_factory=True))


def _card_beside(files: Mapping[str, Path]) -> Card | None:
    try:
        return read_card(next(iter(files.values())).parent)
    except DataError:
        return None


def check_set_name(name: str) -> str:
    """The name, fit for a folder; :class:`UsageError` where it is not."""
    if not re.fullmatch(SET_NAME, name):
        raise UsageError(f"--as '{name}': a name is letters, digits, '_', '.' and '-'")
    return name


def importer(registry: Registry, name: str) -> type[Estimator]:
    """The class of an estimator that imports weights; :class:`UsageError` naming those that do, where it does not."""
    kind: type[Estimator] = registry.get("estimators", name).load()
    if _imports(kind):
        return kind
    others = []
    for other in registry.entries("estimators"):
        with contextlib.suppress(HpeBenchError):
            if _imports(other.load()):
                others.append(other.name)
    raise UsageError(f"{name} has no weights to import; those that have: {', '.join(others) or 'none'}")


def _imports(kind: type[Estimator]) -> bool:
    return getattr_static(kind, "import_weights") is not getattr_static(Estimator, "import_weights")


def check_not_shipped(target: Path) -> None:
    """:class:`UsageError` where the set at ``target`` is one that came with the project."""
    try:
        card = read_card(target)
    except DataError:
        return
    if card is not None and card.shipped:
        raise UsageError(
            f"{target} came with hpe-bench and is not written over: choose another name with --as, "
            "or another folder with --weights"
        )


def read_card(folder: Path) -> Card | None:
    """The card of a set; None where there is none, :class:`DataError` where it is not one."""
    path = folder / Card.FILE
    try:
        text = read_regular(path, _MAX_CARD)
        stated = parse_json(text)
        if isinstance(stated, dict) and stated.pop(Card.CHECKSUM, None) not in (None, Card.checksum(stated)):
            raise DataError(
                f"{path}: its files or figures are not those that were written: fetch or train it anew, or take its "
                f"{Card.CHECKSUM} out to let them stand"
            )
        return _CARD.validate_json(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); {_MEND_CARD}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: not a card: {where} {first['msg']}; {_MEND_CARD}".replace(":  ", ": ")) from None
    except ValueError as error:
        why = instead_of_bytes(text, "json") or f"{error}; {_MEND_CARD}"
        raise DataError(f"{path}: not a card: {why}") from None
