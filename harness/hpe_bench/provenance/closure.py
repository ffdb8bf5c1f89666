"""The code that can reach a result: from a few definitions on, by the names that each piece of source uses.

It follows the source, and runs nothing. Of this project's own code those definitions count that are used: of a class
that has no base outside of this code, the parts that somebody asks for by their name. Of anybody else's code every
module counts as a whole that is imported anywhere in what counts: people write what no analysis follows. The code of
installed distributions is not followed: their versions stand for it.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpe_bench.provenance import packages
from hpe_bench.provenance.data_files import all_files, data_files, short_digest
from hpe_bench.provenance.packages import distributions, folder_of, is_somebodys_own, path_of
from hpe_bench.provenance.source import ClassPieces, Piece, Source, read_source
from hpe_bench.provenance.syntax import Chain, Target

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
    closely: Collection[str]
    reached: dict[str, dict[str, list[Piece]]] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    sources: dict[str, Source | None] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    waiting: dict[str, list[tuple[Source, str, Piece]]] = field(default_factory=dict)
    members: dict[str, list[tuple[Source, str, Piece]]] = field(default_factory=dict)
    dynamic: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    placed: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    todo: list[tuple[Source, str, Piece]] = field(default_factory=list)

    def source(self, module: str) -> Source | None:
        """The source of a module that is followed; else None."""
        if module not in self.sources:
            path = path_of(module) if self.follows(module) else None
            self.sources[module] = None if path is None else read_source(module, path)
            if path is not None:
                self._touch(module)
        return self.sources[module]

    def follows(self, module: str) -> bool:
        top = module.partition(".")[0]
        return top in self.followed or (top not in sys.stdlib_module_names and is_somebodys_own(top))

    def name(self, module: str, name: str) -> None:
        """Reach what a module calls by a name."""
        source = self.source(module)
        if source is None or (module, name) in self.seen:
            return
        self.seen.add((module, name))
        self.todo += [(source, name, piece) for piece in source.pieces.get(name, ())]
        for pieces in source.classes.get(name, ()):
            self._class(source, name, pieces)
        for target in source.imports.get(name, ()):
            self.target(target, ())
        known = name in source.pieces or name in source.classes or name in source.imports
        if not known and not (source.is_package and self.source(f"{module}.{name}")):
            if name in source.hints:
                for target in source.hints[name]:
                    self.target(target, ())
            elif source.stars:
                for other in source.stars:
                    self.name(other, name)
            elif "__getattr__" in source.pieces:
                self.name(module, "__getattr__")

    def target(self, target: Target, rest: Chain) -> None:
        """Reach what an import binds, and of a module that it binds the part that is asked for."""
        module, name = target
        if name is not None:
            inner = f"{module}.{name}"
            source = self.source(module)
            itself = source is not None and target in source.imports.get(name, ())  # from . import name, in a package
            binds = source is not None and name in source.names() and not itself
            is_module = not binds and self.follows(module) and self.source(inner) is not None
            if not is_module:
                self._external(module)
                self.name(module, name)
                return
            module = inner
        if self.source(module) is None:
            self._external(module)
            if rest and self.follows(module):  # a folder of modules that is no package
                self.target((f"{module}.{rest[0]}", None), rest[1:])
        elif not rest:
            self.whole(module)
        elif self.source(f"{module}.{rest[0]}") is not None:
            self.target((f"{module}.{rest[0]}", None), rest[1:])
        else:
            self.name(module, rest[0])

    def whole(self, module: str) -> None:
        """Reach everything that a module binds: it is handed on as it is."""
        source = self.source(module)
        if source is not None:
            self.dynamic.add(module)
            for name in source.names():
                self.name(module, name)
            self.todo += self.members.get(module, ())

    def finish(self) -> None:
        """Follow what was reached until nothing new is."""
        while self.todo:
            source, owner, piece = self.todo.pop()
            held = self.reached.setdefault(source.name, {}).setdefault(owner, [])
            if any(piece.digest == other.digest and piece.place == other.place for other in held):
                continue
            held.append(piece)
            self._follow(source, owner, piece)

    def _follow(self, source: Source, owner: str, piece: Piece) -> None:
        self.strings |= piece.strings
        if any("__file__" in chain or "resources" in chain for chain in piece.chains):
            self.placed.add(source.name)
        for attribute in piece.attributes - self.attributes:
            self.attributes.add(attribute)
            self.todo += self.waiting.pop(attribute, ())
        if piece.dynamic:
            self.dynamic.add(source.name)
            self.todo += self.members.get(source.name, ())
        for targets in piece.imports.values():
            for module, name in targets:
                if self.source(module) is None:
                    self._external(module)
                    if name is not None and self.follows(module):
                        self.source(f"{module}.{name}")
        for chain in piece.chains:
            self._chain(source, owner, piece, chain)
        for text in piece.strings:
            self._string(source, text)

    def _chain(self, source: Source, owner: str, piece: Piece, chain: Chain) -> None:
        for target in (*piece.imports.get(chain[0], ()), *source.imports.get(chain[0], ())):
            self.target(target, chain[1:])
        if chain[0] in source.imports:  # of a module not all, but what is asked of it
            self.todo += [(source, chain[0], part) for part in source.pieces.get(chain[0], ())]
        else:
            self.name(source.name, chain[0])
        for pieces in source.classes.get(owner.partition(".")[0], ()):  # a name of the class that it stands in
            own = pieces.members.get(chain[0], ())
            self.todo += [(source, f"{owner.partition('.')[0]}.{chain[0]}", part) for part in own]

    def _string(self, source: Source, text: str) -> None:
        """Follow ``module:attribute``, as registrations have it, and in others' code the name of any module."""
        if re.fullmatch(r"\w+(\.\w+)*:\w+", text):
            module, _, name = text.partition(":")
            if module.partition(".")[0] in self.followed and self.source(module) is not None:
                self.name(module, name)
        elif not self._is_close(source.name) and re.fullmatch(r"\.{0,3}\w+(\.\w+)*", text):
            dots = len(text) - len(text.lstrip("."))
            base = source.package.split(".")[: len(source.package.split(".")) - dots + 1] if dots else []
            module = ".".join([*base, text.lstrip(".")])
            if "." in module and module.partition(".")[0] in self.followed and not self._is_close(module):
                self.source(module)

    def _class(self, source: Source, name: str, pieces: ClassPieces) -> None:
        if self._has_foreign_base(source, pieces, set()):
            self.todo.append((source, name, pieces.whole))
            return
        self.todo.append((source, name, pieces.head))
        for member, own in pieces.members.items():
            parts = [(source, f"{name}.{member}", piece) for piece in own]
            self.members.setdefault(source.name, []).extend(parts)
            if member in self.attributes or source.name in self.dynamic:
                self.todo += parts
            else:
                self.waiting.setdefault(member, []).extend(parts)

    def _has_foreign_base(self, source: Source, pieces: ClassPieces, known: set[int]) -> bool:
        known.add(id(pieces))
        for chain in pieces.bases:
            found = [(home, other) for home, other in self._find_class(source, chain) if id(other) not in known]
            if not found and chain != ("object",):
                return True
            if any(self._has_foreign_base(home, other, known) for home, other in found):
                return True
        return False

    def _find_class(self, source: Source, chain: Chain) -> list[tuple[Source, ClassPieces]]:
        """The classes of a dotted name, where they are of this code."""
        found = [(source, pieces) for pieces in source.classes.get(chain[0], ()) if len(chain) == 1]
        for module, name in source.imports.get(chain[0], ()):
            found += self._find_in(module, [*([name] if name else []), *chain[1:]])
        return found

    def _find_in(self, module: str, path: list[str]) -> list[tuple[Source, ClassPieces]]:
        while path:
            inner = self.source(module)
            if inner is None:
                return []
            head, path = path[0], path[1:]
            if head in inner.classes and not path:
                return [(inner, pieces) for pieces in inner.classes[head]]
            onward = next(
                (t for t in inner.imports.get(head) or inner.hints.get(head) or () if t != (module, head)), None
            )
            if self.source(f"{module}.{head}") is not None:
                module = f"{module}.{head}"
            elif onward is not None:
                module, path = onward[0], [*([onward[1]] if onward[1] else []), *path]
            else:
                return []
        return []

    def _is_close(self, module: str) -> bool:
        return module.partition(".")[0] in self.closely

    def _external(self, module: str) -> None:
        top = module.partition(".")[0]
        if top and not self.follows(module) and top not in sys.stdlib_module_names:
            self.others.add(top)

    def _touch(self, module: str) -> None:
        """Reach what importing a module runs, of itself, of the packages that it is in, and of what it imports."""
        source = self.sources[module]
        assert source is not None
        parent = module.rpartition(".")[0]
        if parent:
            self.source(parent)
        if not self._is_close(module):
            self.dynamic.add(module)
            self.todo.append((source, "", source.whole))
            for target in source.targets:
                if target[1] is not None or not self._is_close(target[0]):
                    self.target(target, ())
            return
        self.todo += [(source, "", piece) for piece in source.always]
        for targets in source.imports.values():
            for imported, part in targets:
                if self.source(imported) is not None and part is not None:
                    self.source(f"{imported}.{part}")
        for name, decorator in source.decorated:
            if self._may_register(source, decorator):
                self.name(module, name)

    def _may_register(self, source: Source, chain: Chain) -> bool:
        """Whether a decorator is of this code, and may keep what it decorates. Hooks are asked for when plugins are
        discovered, and by nothing that is reached."""
        if chain[-1] == "hookimpl":
            return False
        if chain[0] in source.imports:
            return any(self.source(module) is not None for module, _ in source.imports[chain[0]])
        return chain[0] in source.pieces or chain[0] in source.classes


def closure(
    roots: Iterable[type | str],
    asked: Iterable[str] = (),
    requires: Iterable[str] = (),
    closely: Collection[str] | None = None,
) -> Closure:
    """What code can reach a result: from ``roots`` on, which are classes, or definitions as ``module:name``.

    ``asked`` are the methods and attributes that are asked of them from outside. ``requires`` are packages, by the name
    they are imported by, whose versions count in any case. ``closely`` are packages of which definitions count, and not
    modules; this project's own where it is not given. LookupError where a definition is not to be found.
    """
    starts = [start for root in roots for start in _starts(root)]
    own = {top for top, names in distributions().items() if _OURS in names} | {__name__.partition(".")[0]}
    walk = _Walk(frozenset(own | {module.partition(".")[0] for module, _ in starts}), closely or own)
    walk.attributes.update(asked)
    compiled = {}
    for module, name in starts:
        source = walk.source(module)
        if source is not None:
            if name not in source.names() and walk._is_close(module):
                raise LookupError(f"{module} has no {name}")
            walk.name(module, name)
        elif (file := Path(getattr(sys.modules.get(module), "__file__", None) or "/")).is_file():
            compiled[module] = short_digest(file)
    walk.finish()
    brought = {name for top in {*walk.others, *requires} for name in distributions().get(top, [top])}
    return Closure(
        {_shown(module): _digest_of(parts) for module, parts in sorted(walk.reached.items())},
        {**compiled, **_data(walk)},
        {name: packages.version(name) for name in sorted(brought)},
    )


def _starts(root: type | str) -> list[tuple[str, str]]:
    """The definitions of a root: of a class those of its bases too, which may have been put together at run time."""
    if isinstance(root, str):
        module, _, name = root.partition(":")
        return [(module, name)]
    found = [(kind.__module__, kind.__qualname__.partition(".")[0]) for kind in root.__mro__]
    return [start for start in found if start[0].partition(".")[0] not in sys.stdlib_module_names]


def _data(walk: _Walk) -> dict[str, str]:
    """The data files of what was reached; of a module that is in no package only where it looks beside itself."""
    close: dict[str, Source] = {}
    for module in walk.reached:
        source = walk.sources[module]
        if source is not None and walk._is_close(module):
            close[_shown(module)] = source
    found = data_files(close, walk.strings)
    tops = {module.partition(".")[0] for module in walk.reached if not walk._is_close(module)}
    for top in tops:
        path = path_of(top)
        if path is None or path.name == "__init__.py":  # a package, all of whose data are its own
            folder = path.parent if path is not None else folder_of(top)
            found.update({} if folder is None else all_files(_shown(top), folder, walk.strings))
        elif top in walk.placed:
            source = walk.sources[top]
            found.update(data_files({_shown(top): source} if source else {}, walk.strings))
    return dict(sorted(found.items()))


def _digest_of(parts: Mapping[str, Sequence[Piece]]) -> str:
    digest = hashlib.sha256()
    for owner in sorted(parts):
        pieces = sorted(parts[owner], key=lambda piece: (piece.place, piece.digest))
        digest.update(owner.encode() + b"\0" + b"".join(piece.digest for piece in pieces))
    return digest.hexdigest()[:16]


def _shown(module: str) -> str:
    """A module's name; of a plugin that is a file of its own without what tells its place, which decides nothing."""
    return re.sub(r"^hpe_bench_local_[0-9a-f]{8}_", "file:", module)
