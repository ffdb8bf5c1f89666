"""The code that can reach a result: from a few definitions on, by the names that each piece of source uses.

It follows the source, and runs nothing. Of a class that has no base outside of this code, the parts count that somebody
asks for by their name; of any other all of it, since its base may call what it likes. Code of other distributions is
not followed: their versions stand for it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from hpe_bench.provenance.data_files import data_files, short_digest
from hpe_bench.provenance.source import Chain, ClassPieces, Piece, Source, Target, read_source

_OURS = "hpe-bench"


@dataclass(frozen=True)
class Closure:
    """What was reached: ``code`` by module and ``data`` by file are SHA-256, shortened; ``versions`` by distribution.

    The version of a distribution that is asked for and not installed is None.
    """

    code: Mapping[str, str]
    data: Mapping[str, str]
    versions: Mapping[str, str | None]


@dataclass
class _Walk:
    followed: frozenset[str]
    reached: dict[str, dict[str, list[bytes]]] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    sources: dict[str, Source | None] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    waiting: dict[str, list[tuple[Source, str, Piece]]] = field(default_factory=dict)
    members: dict[str, list[tuple[Source, str, Piece]]] = field(default_factory=dict)
    dynamic: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    unseen: list[tuple[str, str]] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    todo: list[tuple[Source, str, Piece]] = field(default_factory=list)

    def source(self, module: str) -> Source | None:
        """The source of a module that is followed; else None."""
        if module not in self.sources:
            path = _path_of(module) if self.follows(module) else None
            self.sources[module] = None if path is None else read_source(module, path)
            if path is not None:
                self._touch(module)
        return self.sources[module]

    def follows(self, module: str) -> bool:
        top = module.partition(".")[0]
        return top in self.followed or (top not in sys.stdlib_module_names and not _distributions().get(top))

    def name(self, module: str, name: str) -> None:
        """Reach what a module calls by a name."""
        source = self.source(module)
        if source is None or (module, name) in self.seen:
            return
        self.seen.add((module, name))
        if name in source.pieces:
            self.todo += [(source, name, piece) for piece in source.pieces[name]]
        if name in source.classes:
            self._class(source, name, source.classes[name])
        elif name in source.imports:
            self.target(source.imports[name], ())
        elif name not in source.pieces and not (source.is_package and self.source(f"{module}.{name}")):
            if name in source.hints:
                self.target(source.hints[name], ())
            elif source.stars:
                for other in source.stars:
                    self.name(other, name)
            elif "__getattr__" in source.pieces:
                self.name(module, "__getattr__")

    def target(self, target: Target, rest: Chain) -> None:
        """Reach what an import binds, and of a module that it binds the part that is asked for."""
        module, name = target
        if name is not None:
            inner = self._submodule(target)
            if inner is None:
                self._external(module)
                self.name(module, name)
                return
            module = inner
        if self.source(module) is None:
            self._external(module)
        elif not rest or rest[0] == "__dict__":
            self.whole(module)
        elif self.source(f"{module}.{rest[0]}") is not None:
            self.target((f"{module}.{rest[0]}", None), rest[1:])
        else:
            self.name(module, rest[0])

    def _submodule(self, target: Target) -> str | None:
        """The module of this code that ``from module import name`` binds; None where it binds something else."""
        module, name = target
        source = self.source(module)
        if source is None or name is None:
            return None
        itself = source.imports.get(name) == target  # ``from . import name`` in the package itself
        if name in source.names() and not itself:
            return None
        return f"{module}.{name}" if self.source(f"{module}.{name}") is not None else None

    def whole(self, module: str) -> None:
        """Reach everything that a module binds: it is handed on as it is."""
        source = self.source(module)
        if source is not None:
            self.dynamic.add(module)
            for name in source.names():
                self.name(module, name)
            self._release(self.members.get(module, ()))

    def finish(self) -> None:
        """Follow what was reached until nothing new is."""
        while self.todo:
            source, owner, piece = self.todo.pop()
            held = self.reached.setdefault(source.name, {}).setdefault(owner, [])
            if piece.digest in held:
                continue
            held.append(piece.digest)
            self._follow(source, piece)

    def _follow(self, source: Source, piece: Piece) -> None:
        if piece.takes_all:
            self.whole(source.name)
        if piece.imports_any:
            for module in _modules_beside(source):
                self.whole(module)
        for binding, target in piece.imports.items():
            if binding.startswith("import of "):
                self.target(target, ())
        self.strings |= piece.strings
        if any("__file__" in chain or "resources" in chain for chain in piece.chains):
            self.placed.add(source.name)
        for attribute in piece.attributes - self.attributes:
            self.attributes.add(attribute)
            if attribute == "__subclasses__":
                for module, name in self.unseen:
                    self.name(module, name)
            self._release(self.waiting.pop(attribute, ()))
        if piece.dynamic:
            self.dynamic.add(source.name)
            self._release(self.members.get(source.name, ()))
        for module, _ in piece.imports.values():
            if self.source(module) is None:
                self._external(module)
        for chain in piece.chains:
            self._chain(source, piece, chain)
        for text in piece.strings:
            self._string(text)

    def _chain(self, source: Source, piece: Piece, chain: Chain) -> None:
        target = piece.imports.get(chain[0])
        if target is None and chain[0] not in source.pieces:
            target = source.imports.get(chain[0])
        if target is None:
            self.name(source.name, chain[0])
        else:
            self.target(target, chain[1:])

    def _string(self, text: str) -> None:
        """Follow ``module:attribute``, as registrations have it."""
        if re.fullmatch(r"\w+(\.\w+)*:\w+", text):
            module, _, name = text.partition(":")
            if module.partition(".")[0] in self.followed and self.source(module) is not None:
                self.name(module, name)

    def _class(self, source: Source, name: str, pieces: ClassPieces) -> None:
        self.todo += [(source, name, piece) for piece in pieces.head]
        whole = self._has_foreign_base(source, pieces)
        for member, own in pieces.members.items():
            parts = [(source, f"{name}.{member}", piece) for piece in own]
            self.members.setdefault(source.name, []).extend(parts)
            if whole or member in self.attributes or source.name in self.dynamic:
                self.todo += parts
            else:
                self.waiting.setdefault(member, []).extend(parts)

    def _has_foreign_base(self, source: Source, pieces: ClassPieces) -> bool:
        for chain in pieces.bases:
            found = self._find_class(source, chain)
            if found is None:
                if chain != ("object",):
                    return True
            elif self._has_foreign_base(*found):
                return True
        return False

    def _find_class(self, source: Source, chain: Chain) -> tuple[Source, ClassPieces] | None:
        """The class of a dotted name, where it is one of this code."""
        if chain[0] in source.classes and len(chain) == 1:
            return source, source.classes[chain[0]]
        target = source.imports.get(chain[0])
        if target is None:
            return None
        module, name = target
        path = [*([name] if name else []), *chain[1:]]
        while path:
            inner = self.source(module)
            if inner is None:
                return None
            head, path = path[0], path[1:]
            if head in inner.classes and not path:
                return inner, inner.classes[head]
            onward = inner.imports.get(head) or inner.hints.get(head)
            if self.source(f"{module}.{head}") is not None:
                module = f"{module}.{head}"
            elif onward is not None and onward != (module, head):
                module, path = onward[0], [*([onward[1]] if onward[1] else []), *path]
            else:
                return None
        return None

    def _release(self, parts: Iterable[tuple[Source, str, Piece]]) -> None:
        self.todo += parts

    def _external(self, module: str) -> None:
        top = module.partition(".")[0]
        if top and not self.follows(module) and top not in sys.stdlib_module_names:
            self.others.add(top)

    def _touch(self, module: str) -> None:
        """Reach what importing a module runs, of itself, of the packages that it is in, and of what it imports."""
        source = self.sources[module]
        assert source is not None
        self.todo += [(source, "", piece) for piece in source.always]
        parent = module.rpartition(".")[0]
        if parent:
            self.source(parent)
        for imported, part in source.imports.values():
            if self.source(imported) is not None and part is not None:
                self.source(f"{imported}.{part}")
        for name, decorator in source.decorated:
            if self._may_register(source, decorator):
                self.name(module, name)
        for name, pieces in source.classes.items():
            if self._is_seen_by_base(source, pieces) or "__subclasses__" in self.attributes:
                self.name(module, name)
            else:
                self.unseen.append((module, name))

    def _may_register(self, source: Source, chain: Chain) -> bool:
        """Whether a decorator is a function of this code, or a method of an object of it: it may keep what it gets."""
        if len(chain) == 1 and chain[0] in source.functions:
            return True
        if len(chain) > 1 and chain[0] in source.pieces:
            return True
        target = source.imports.get(chain[0], ("", None))
        module, name = target
        whole = module if name is None else self._submodule(target)
        inner = self.source(whole or module)
        if inner is None or name is None or whole is not None:
            return inner is not None and len(chain) > 1 and self._may_register(inner, chain[1:])
        return name in (inner.functions if len(chain) == 1 else inner.pieces)

    def _is_seen_by_base(self, source: Source, pieces: ClassPieces) -> bool:
        """Whether a base or a metaclass of this code is told of the classes that are made of it."""
        found = [self._find_class(source, chain) for chain in pieces.bases]
        return any(
            inner.makes_subclasses or self._is_seen_by_base(where, inner) for where, inner in filter(None, found)
        )


def closure(roots: Iterable[type | str], asked: Iterable[str] = (), requires: Iterable[str] = ()) -> Closure:
    """What code can reach a result: from ``roots`` on, which are classes, or definitions as ``module:name``.

    ``asked`` are the methods and attributes that are asked of them from outside. ``requires`` are packages, by the name
    they are imported by, whose versions count in any case. LookupError where a root is not to be found.
    """
    starts = [_start(root) for root in roots]
    tops = {module.partition(".")[0] for module, _ in starts} | {__name__.partition(".")[0]}
    ours = {_OURS, *(name for top in tops for name in _distributions().get(top, ()))}
    walk = _Walk(frozenset(tops | {top for top, names in _distributions().items() if ours & set(names)}))
    walk.attributes.update(asked)
    compiled = {}
    for module, name in starts:
        source = walk.source(module)
        if source is not None:
            if name not in source.names():
                raise LookupError(f"{module} has no {name}")
            walk.name(module, name)
        elif file := getattr(sys.modules.get(module), "__file__", None):
            compiled[module] = short_digest(Path(file))
    walk.finish()
    versions = {name: _version(name) for top in {*walk.others, *requires} for name in _distributions().get(top, [top])}
    return Closure(
        {_shown(module): _digest_of(parts) for module, parts in sorted(walk.reached.items())},
        {**compiled, **_data(walk)},
        dict(sorted(versions.items())),
    )


def _start(root: type | str) -> tuple[str, str]:
    if isinstance(root, str):
        module, _, name = root.partition(":")
        return module, name
    return root.__module__, root.__qualname__.partition(".")[0]


def _data(walk: _Walk) -> dict[str, str]:
    """The data files of what was reached; of a module that is in no package only where it looks beside itself."""
    looked_at = {module: walk.sources[module] for module in walk.reached if "." in module or module in walk.placed}
    looked_at |= {module: source for module in walk.reached if (source := walk.sources[module]) and source.is_package}
    return data_files({_shown(module): source for module, source in looked_at.items()}, walk.strings)


def _digest_of(parts: Mapping[str, list[bytes]]) -> str:
    digest = hashlib.sha256()
    for owner in sorted(parts):
        digest.update(owner.encode() + b"\0" + b"".join(sorted(parts[owner])))
    return digest.hexdigest()[:16]


def _modules_beside(source: Source) -> list[str]:
    """The modules of the package that a module is or is in, and of those in it."""
    package = source.name if source.is_package else source.name.rpartition(".")[0]
    folder = source.path.parent
    files = sorted(folder.rglob("*.py")) if package else []
    parts = [file.relative_to(folder).with_suffix("").parts for file in files if file != folder / "__init__.py"]
    return [".".join([package, *(own[:-1] if own[-1] == "__init__" else own)]) for own in parts]


def _shown(module: str) -> str:
    """A module's name; of a plugin that is a file of its own without what tells its place, which decides nothing."""
    return re.sub(r"^hpe_bench_local_[0-9a-f]{8}_", "file:", module)


def _path_of(module: str) -> Path | None:
    """The source file of a module; nothing is imported for it."""
    loaded = sys.modules.get(module)
    known = getattr(loaded, "__file__", None)
    if known and known.endswith(".py"):
        return Path(known)
    parent, _, name = module.rpartition(".")
    if not parent:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            return None
        return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None
    above = _path_of(parent)
    if above is None or above.name != "__init__.py":
        return None
    return next(
        (path for path in (above.parent / f"{name}.py", above.parent / name / "__init__.py") if path.is_file()), None
    )


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """The distributions that bring a package, by the name it is imported by."""
    return {top: sorted(set(names)) for top, names in metadata.packages_distributions().items()}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
