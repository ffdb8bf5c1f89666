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


def data_files(modules: Mapping[str, Source | None], strings: Collection[str]) -> dict[str, str]:
    """Shortened SHA-256 of the data files of the packages of ``modules``, by package and name.

    Which file a piece of code reads is not known. Those count that the code that was reached names, of all whose texts
    are ``strings``, and those that no code of their package names; one that other code names is that one's. They lie
    in the folder of a module, in those of the packages that it is in, or below one of these.
    """
    named = {text for text in strings if text.strip("./") and not text.startswith("/") and "\0" not in text}
    packages: dict[Path, str] = {}
    single: set[tuple[str, Path]] = set()
    for module, source in modules.items():
        if source is None:
            continue
        package, folder = module if source.is_package else module.rpartition(".")[0], source.path.parent
        if not package:
            single.add((module, folder))
        while package:
            packages[folder] = package
            package, folder = package.rpartition(".")[0], folder.parent
    found: dict[Path, str] = {}
    for folder, package in sorted(packages.items(), key=lambda item: -len(item[0].parts)):
        for file in [*_named(folder, named), *_of_nobody_else(folder, named)]:
            found.setdefault(file, f"{package}/{file.relative_to(folder)}")
    for module, folder in single:
        for file in _named(folder, named):
            if file.stat().st_size <= _LARGEST_BESIDE:
                found.setdefault(file, f"{module}/{file.relative_to(folder)}")
    return dict(sorted((name, short_digest(file)) for file, name in found.items()))


def _named(folder: Path, named: Collection[str]) -> set[Path]:
    """The data files that are named, in a folder or in folders of it that are named themselves."""
    found: set[Path] = set()
    todo, seen = [folder], set()
    while todo:
        place = todo.pop()
        seen.add(place)
        for text in named:
            path = place / text
            if ".." in path.parts:
                continue
            try:
                if path.is_file() and path.suffix not in _CODE:
                    found.add(path)
                elif path.is_dir() and path not in seen and not path.is_symlink():
                    todo.append(path)
            except OSError:  # too long for a name
                continue
    return found


def _of_nobody_else(folder: Path, named: Collection[str]) -> list[Path]:
    """The data files below a package's folder, without those that only code that was not reached names."""
    files = _files_in(folder)
    mentioned = _mentioned(folder) if files else set()
    names = {file: {file.name, file.relative_to(folder).as_posix()} for file in files}
    return [file for file in files if names[file] & set(named) or not names[file] & mentioned]


def short_digest(file: Path) -> str:
    """The beginning of a file's SHA-256; read again only where it has another size or time."""
    stat = file.stat()
    return _digest(file, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _digest(file: Path, size: int, time: int) -> str:
    return file_digest(file)[:16]


def _files_in(folder: Path) -> list[Path]:
    """The data files of a package: in its folder, and in folders in it that are no packages with code in them."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and _is_data(path):
            found.append(path)
        elif path.is_dir() and not path.name.startswith((".", "__")) and not _has_code(path):
            found += _files_in(path)
    return found


def _is_data(file: Path) -> bool:
    return file.suffix not in _CODE and not file.name.startswith(".")


def _has_code(folder: Path) -> bool:
    own = folder / "__init__.py"
    return own.is_file() and (own.stat().st_size > 0 or any(file != own for file in folder.glob("*.py")))


def _mentioned(folder: Path) -> set[str]:
    """Every text in the modules of a package, by which they may name its files."""
    return set().union(*(read_source(path.stem, path).strings() for path in folder.rglob("*.py")))
