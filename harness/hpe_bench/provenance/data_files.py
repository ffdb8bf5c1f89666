"""The data files of packages whose code was reached, such as a model that lies beside the module that reads it."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from pathlib import Path

from hpe_bench.provenance.source import Source, read_source
from hpe_bench.storage import file_digest

#: Files beside a plugin that is a single file are its data where it names them, and are no larger than this, bytes.
_LARGEST_BESIDE = 2**30
_CODE = (".py", ".pyc", ".pyi")


def data_files(modules: Mapping[str, Source], strings: Collection[str]) -> dict[str, str]:
    """Shortened SHA-256 of the data files of the packages of ``modules``, by package and name.

    Which file a piece of code reads is not known. Those count that the code that was reached names, of all whose texts
    are ``strings``, and those that no code of their package names; one that other code names is that one's.
    """
    named = [text for text in strings if text and not text.startswith((".", "/"))]
    places: dict[tuple[Path, str], bool] = {}  # each but once: many modules are of one package
    for module, source in modules.items():
        whole = source.is_package or "." in module
        package = module.rpartition(".")[0] if whole and not source.is_package else module
        places[source.path.parent, package] = whole
    found: dict[str, str] = {}
    for (folder, package), whole in places.items():
        files = {file for text in named if (file := folder / text).is_file() and is_data(file)}
        if not whole:
            files = {file for file in files if file.stat().st_size <= _LARGEST_BESIDE}
        elif others := set(_files_in(folder)) - files:
            mentioned = _mentioned(folder)
            files |= {file for file in others if str(file.relative_to(folder)) not in mentioned}
        found.update({f"{package}/{file.relative_to(folder)}": short_digest(file) for file in files})
    return found


def all_files(package: str, folder: Path, strings: Collection[str]) -> dict[str, str]:
    """The same of every data file below the folder of a package; of hidden ones where the code names them."""
    files = {file: file.relative_to(folder) for file in sorted(folder.rglob("*")) if file.is_file()}
    count = {
        file: name
        for file, name in files.items()
        if file.suffix not in _CODE and (name.name in strings or _shows(name))
    }
    return {f"{package}/{name}": short_digest(file) for file, name in count.items()}


def short_digest(file: Path) -> str:
    """The beginning of a file's SHA-256; read again only where it has another size or time."""
    stat = file.stat()
    return _digest(file, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _digest(file: Path, size: int, time: int) -> str:
    return file_digest(file)[:16]


def is_data(file: Path) -> bool:
    """Whether a file is neither code nor hidden."""
    return file.suffix not in _CODE and not file.name.startswith(".")


def _shows(path: Path) -> bool:
    """Whether no part of a path is hidden, or made by Python."""
    return not any(part.startswith(".") or part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)


def _files_in(folder: Path) -> list[Path]:
    """The data files of a package: in its folder, and in folders in it that are no packages themselves."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and is_data(path):
            found.append(path)
        elif path.is_dir() and not path.name.startswith((".", "__")) and not (path / "__init__.py").is_file():
            found += _files_in(path)
    return found


def _mentioned(folder: Path) -> set[str]:
    """Every text in the modules of a package, by which they may name its files."""
    return set().union(*(read_source(path.stem, path).whole.strings for path in folder.glob("*.py")))
