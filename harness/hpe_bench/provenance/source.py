"""A module's source as pieces: the statements that bind each of its names, with what they use and a digest of theirs.

A digest is over the syntax tree: comments, docstrings and layout do not enter it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpe_bench.provenance.syntax import (
    Chain,
    Target,
    add_targets,
    all_targets,
    bound_by,
    canonical,
    decorator,
    dotted,
    imports_in,
    is_for_type_checkers,
    is_main,
    is_text,
    stars_in,
    without_text,
)

#: Decorators of methods that do not call what they decorate by themselves.
_PLAIN = (
    *("property", "cached_property", "staticmethod", "classmethod", "setter", "abstractmethod", "override"),
    *("overload", "cache", "lru_cache", "contextmanager"),
)
_LONGEST = 200


@dataclass(frozen=True)
class Piece:
    """One statement: ``chains`` are the dotted names that it loads, ``attributes`` all that it asks any object for.

    ``imports`` are those inside of it, by the name they bind. ``dynamic``: it asks its own object for a computed name.
    """

    digest: bytes
    chains: frozenset[Chain]
    attributes: frozenset[str]
    strings: frozenset[str]
    imports: Mapping[str, Sequence[Target]]
    dynamic: bool
    place: int


@dataclass(frozen=True)
class ClassPieces:
    """A class: ``head`` is what making it runs, ``members`` what runs when somebody asks for it by its name.

    ``whole`` is all of it as one.
    """

    head: Piece
    members: Mapping[str, Sequence[Piece]]
    bases: Sequence[Chain]
    whole: Piece


@dataclass
class Source:
    """A module. ``always`` is what importing it runs beside binding names; ``hints`` are imports for type checkers.

    ``tree`` is all of it; None where this Python cannot parse it.
    """

    name: str
    path: Path
    tree: ast.Module | None
    pieces: dict[str, list[Piece]] = field(default_factory=dict)
    classes: dict[str, list[ClassPieces]] = field(default_factory=dict)
    always: list[Piece] = field(default_factory=list)
    decorated: list[tuple[str, Chain]] = field(default_factory=list)
    imports: dict[str, list[Target]] = field(default_factory=dict)
    hints: dict[str, list[Target]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def package(self) -> str:
        """What a relative import starts from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @functools.cached_property
    def whole(self) -> Piece:
        """All of it as one piece."""
        return _piece([self.tree] if self.tree else [], self.package, 0)

    @functools.cached_property
    def targets(self) -> Sequence[Target]:
        """What is imported anywhere in it, in functions too; a module for a star."""
        return list(all_targets(self.tree, self.package)) if self.tree else []

    def names(self) -> list[str]:
        """Every name that the module binds."""
        return [*self.pieces, *self.classes, *self.imports]


def read_source(name: str, path: Path) -> Source:
    """The pieces of a module; parsed again only where the file has another content."""
    return _read(name, path, path.read_bytes())


@functools.lru_cache(maxsize=4096)
def _read(name: str, path: Path, content: bytes) -> Source:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # of another version of Python, which nobody can have imported
        nothing: frozenset[str] = frozenset()
        piece = Piece(hashlib.sha256(content).digest(), frozenset(), nothing, nothing, {}, dynamic=False, place=0)
        return Source(name, path, None, always=[piece])
    source = Source(name, path, tree)
    for place, statement in enumerate(tree.body):
        _take(statement, source, source.package, place)
    return source


def _take(statement: ast.stmt, source: Source, package: str, place: int) -> None:
    if isinstance(statement, ast.If) and is_for_type_checkers(statement.test):
        add_targets(source.hints, imports_in(statement.body, package))
        for other in statement.orelse:
            _take(other, source, package, place)
        return
    if isinstance(statement, ast.If) and is_main(statement.test):
        for other in statement.orelse:
            _take(other, source, package, place)
        return
    add_targets(source.imports, imports_in([statement], package))
    source.stars += stars_in(statement, package)
    if is_text(statement):
        return
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            bound = alias.asname or (alias.name if isinstance(statement, ast.ImportFrom) else alias.name.split(".")[0])
            source.pieces.setdefault(bound, []).append(_import_piece(statement, alias, place))
        return
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        source.decorated += [(statement.name, chain) for call in statement.decorator_list if (chain := decorator(call))]
    if isinstance(statement, ast.ClassDef):
        source.classes.setdefault(statement.name, []).append(_class(statement, package, place))
        return
    bound_names = bound_by(statement)
    piece = _piece([statement], package, place)
    for name in bound_names:
        source.pieces.setdefault(name, []).append(piece)
    if not bound_names or isinstance(statement, (ast.For, ast.While, ast.With, ast.If, ast.Try, ast.Match)):
        source.always.append(piece)  # it may do more than bind names


def _import_piece(statement: ast.Import | ast.ImportFrom, alias: ast.alias, place: int) -> Piece:
    """The import of one name, which is followed by what it binds."""
    origin = f"{'.' * statement.level}{statement.module}" if isinstance(statement, ast.ImportFrom) else None
    digest = hashlib.sha256(repr((origin, alias.name, alias.asname)).encode()).digest()
    nothing: frozenset[str] = frozenset()
    return Piece(digest, frozenset(), nothing, nothing, {}, dynamic=False, place=place)


def _class(node: ast.ClassDef, package: str, place: int) -> ClassPieces:
    head: list[ast.AST] = [*node.bases, *(keyword.value for keyword in node.keywords), *node.decorator_list]
    members: dict[str, list[Piece]] = {}
    for statement in node.body:
        if is_text(statement):
            continue
        names = _member_names(statement)
        for name in names:
            members.setdefault(name, []).append(_piece([statement], package, place))
        if not names:
            head.append(statement)
    bases = [dotted(base.value if isinstance(base, ast.Subscript) else base) or ("?",) for base in node.bases]
    return ClassPieces(_piece(head, package, place), members, bases, _piece([node], package, place))


def _member_names(statement: ast.stmt) -> list[str]:
    """What a statement of a class binds, where it waits to be asked for; nothing where it decides how the class is."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        plain = all((chain := decorator(call)) and chain[-1] in _PLAIN for call in statement.decorator_list)
        return [] if not plain or _is_special(statement.name) else [statement.name]
    if isinstance(statement, ast.Assign):
        names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        return [] if any(_is_special(name) or name == "model_config" for name in names) else names
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        kind = statement.annotation.value if isinstance(statement.annotation, ast.Subscript) else statement.annotation
        return [statement.target.id] if (dotted(kind) or ("",))[-1] == "ClassVar" else []
    return []


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _piece(nodes: Sequence[ast.AST], package: str, place: int) -> Piece:
    uses = _Uses(package)
    for node in nodes:
        uses.visit(node)
    digest = hashlib.sha256("\n".join("".join(canonical(node)) for node in nodes).encode("utf-8", "surrogatepass"))
    return Piece(
        digest.digest(),
        frozenset(uses.chains),
        frozenset(uses.attributes),
        frozenset(uses.strings),
        uses.imports,
        uses.dynamic,
        place,
    )


class _Uses(ast.NodeVisitor):
    """Collects what code uses. Annotations of functions are not followed: they decide nothing of what is computed."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.chains: set[Chain] = set()
        self.attributes: set[str] = set()
        self.strings: set[str] = set()
        self.imports: dict[str, list[Target]] = {}
        self.dynamic = False
        self._inside = 0

    def visit_Name(self, node: ast.Name) -> None:
        self.chains.add((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = dotted(node)
        if chain is None:
            self.attributes.add(node.attr)
            self.visit(node.value)
            return
        self.chains.add(chain)
        self.attributes.update(chain[1:])

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and len(node.value) <= _LONGEST:
            self.strings.add(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        called = (dotted(node.func) or ("",))[-1]
        if called in ("getattr", "attrgetter", "methodcaller"):
            for argument in node.args[1:2] if called == "getattr" else node.args:
                if isinstance(argument, ast.Constant):
                    self.attributes.update(str(argument.value).split("."))
                elif dotted(node.args[0]) in (("self",), ("cls",)):
                    self.dynamic = True
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        self._inside += 1
        for part in (*node.decorator_list, *arguments.defaults, *arguments.kw_defaults, *without_text(node.body)):
            if part is not None:
                self.visit(part)
        self._inside -= 1

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        for part in (node.target, node.value, None if self._inside else node.annotation):
            if part is not None:
                self.visit(part)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.bases, *node.keywords, *node.decorator_list, *without_text(node.body)):
            self.visit(part)

    def visit_Import(self, node: ast.Import) -> None:
        add_targets(self.imports, imports_in([node], self.package))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        add_targets(self.imports, imports_in([node], self.package))
