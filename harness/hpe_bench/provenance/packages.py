"""Where modules lie, and which distributions they are of; nothing is imported to know it."""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import sys
import sysconfig
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

#: Folders of what was installed; what lies elsewhere is somebody's own code.
_INSTALLED = ("site-packages", "dist-packages")


def path_of(module: str) -> Path | None:
    """The source file of a module; nothing is imported for it."""
    known = getattr(sys.modules.get(module), "__file__", None)
    if known and known.endswith(".py") and Path(known).is_file():
        return Path(known)
    parent, _, name = module.rpartition(".")
    if not parent:
        spec = _spec(module)
        return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None
    folder = folder_of(parent)
    places = (folder / f"{name}.py", folder / name / "__init__.py") if folder is not None else ()
    return next((path for path in places if path.is_file()), None)


def folder_of(package: str) -> Path | None:
    """The folder of a package, also of one that has no ``__init__.py``."""
    known = getattr(sys.modules.get(package), "__path__", None)
    if known:
        return Path(next(iter(known)))
    parent, _, name = package.rpartition(".")
    if not parent:
        spec = _spec(package)
        places = list(spec.submodule_search_locations or ()) if spec is not None else []
        return Path(places[0]) if places else None
    above = folder_of(parent)
    return above / name if above is not None and (above / name).is_dir() else None


def _spec(top: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None


@functools.lru_cache(maxsize=4096)
def is_somebodys_own(top: str) -> bool:
    """Whether a package is not among what was installed, as a plugin's sibling, or one that is edited in its place."""
    path = path_of(top) or folder_of(top)
    if path is None:
        return False
    installed = any(part in _INSTALLED for part in path.parts)
    return not installed and not path.is_relative_to(sysconfig.get_path("stdlib"))


@functools.cache
def distributions() -> Mapping[str, list[str]]:
    """The distributions that bring a package, by the name it is imported by."""
    return {top: sorted(set(names)) for top, names in metadata.packages_distributions().items()}


def version(distribution: str) -> str | None:
    """The version of a distribution; None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
