"""A module's source as pieces: the statements that bind each of its names, with what they use and a digest of theirs.

A digest is over the syntax tree: comments, docstrings and layout do not enter it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: What an import binds: a module, or what it calls by a name (None: the module itself).
Target = tuple[str, str | None]
Chain = tuple[str, ...]

#: Decorators of methods that do not call what they decorate by themselves.
_PLAIN = (
    *("property", "cached_property", "staticmethod", "classmethod", "setter", "abstractmethod", "override"),
    *("overload", "cache", "lru_cache", "contextmanager"),
)
_LONGEST = 200
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: What asks an object for something by a name.
_ASKS = ("getattr", "attrgetter", "methodcaller")


@dataclass(frozen=True)
class Piece:
    """One statement: ``chains`` are the dotted names that it loads, ``attributes`` all that it asks any object for.

    ``imports`` are those inside of it, by the name they bind. It asks an object for a computed name (``dynamic``), its
    module (``takes_all``), or imports a module whose name is computed (``imports_any``).
    """

    digest: bytes
    chains: frozenset[Chain]
    attributes: frozenset[str]
    strings: frozenset[str]
    imports: Mapping[str, Target]
    dynamic: bool = False
    takes_all: bool = False
    imports_any: bool = False


@dataclass(frozen=True)
class ClassPieces:
    """A class: ``head`` is what making it runs, ``members`` what runs when somebody asks for it by its name."""

    head: Sequence[Piece]
    members: Mapping[str, Sequence[Piece]]
    bases: Sequence[Chain]
    makes_subclasses: bool = False


@dataclass
class Source:
    """A module. ``always`` is what importing it runs beside binding names; ``hints`` are imports for type checkers."""

    name: str
    path: Path
    pieces: dict[str, list[Piece]] = field(default_factory=dict)
    classes: dict[str, ClassPieces] = field(default_factory=dict)
    always: list[Piece] = field(default_factory=list)
    decorated: list[tuple[str, Chain]] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    imports: dict[str, Target] = field(default_factory=dict)
    hints: dict[str, Target] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def names(self) -> list[str]:
        """Every name that the module binds."""
        return [*self.pieces, *self.classes, *self.imports]

    def strings(self) -> set[str]:
        """Every text in it that is short enough to be a name."""
        pieces = [*self.always, *(piece for own in self.pieces.values() for piece in own)]
        for own in self.classes.values():
            pieces += [*own.head, *(piece for parts in own.members.values() for piece in parts)]
        return set().union(*(piece.strings for piece in pieces))


def read_source(name: str, path: Path) -> Source:
    """The pieces of a module; parsed again only where the file has another content."""
    return _read(name, path, path.read_bytes())


@functools.lru_cache(maxsize=4096)
def _read(name: str, path: Path, content: bytes) -> Source:
    source = Source(name, path)
    package = name if source.is_package else name.rpartition(".")[0]
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError):  # of another version of Python, which nobody can have imported
        nothing: frozenset[str] = frozenset()
        digest = hashlib.sha256(content).digest()
        source.always.append(Piece(digest, frozenset(), nothing, nothing, {}))
        return source
    for statement in body:
        _take(statement, source, package)
    return source


def _take(statement: ast.stmt, source: Source, package: str) -> None:
    if isinstance(statement, ast.If) and _is_for_type_checkers(statement.test):
        source.hints.update(_imports(statement.body, package))
        for other in statement.orelse:
            _take(other, source, package)
        return
    if isinstance(statement, ast.If) and _is_main(statement.test):
        return
    source.imports.update(_imports([statement], package))
    source.stars += _stars(statement, package)
    if isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_text(statement):
        return
    if isinstance(statement, _DEFINITIONS):
        source.decorated += [
            (statement.name, chain) for call in statement.decorator_list if (chain := _decorator(call))
        ]
    if isinstance(statement, ast.ClassDef):
        source.classes[statement.name] = _class(statement, package)
        return
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        source.functions.add(statement.name)
    bound = _bound(statement)
    piece = _piece([statement], package)
    for name in bound:
        source.pieces.setdefault(name, []).append(piece)
    if not bound or (not isinstance(statement, _DEFINITIONS) and _acts(statement)):
        source.always.append(piece)


def _class(node: ast.ClassDef, package: str) -> ClassPieces:
    head: list[ast.AST] = [*node.bases, *(keyword.value for keyword in node.keywords), *node.decorator_list]
    members: dict[str, list[Piece]] = {}
    for statement in node.body:
        if _is_text(statement):
            continue
        names = _member_names(statement)
        for name in names:
            members.setdefault(name, []).append(_piece([statement], package))
        if not names:
            head.append(statement)
    bases = [_chain(base.value if isinstance(base, ast.Subscript) else base) or ("?",) for base in node.bases]
    hook = any(isinstance(part, ast.FunctionDef) and part.name == "__init_subclass__" for part in node.body)
    bases += [_chain(word.value) or ("?",) for word in node.keywords if word.arg == "metaclass"]
    return ClassPieces([_piece(head, package)], members, bases, hook or ("type",) in bases)


def _member_names(statement: ast.stmt) -> list[str]:
    """What a statement of a class binds, where it waits to be asked for; nothing where it decides how the class is."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        plain = all((chain := _decorator(call)) and chain[-1] in _PLAIN for call in statement.decorator_list)
        return [] if not plain or _is_special(statement.name) else [statement.name]
    if isinstance(statement, ast.Assign):
        names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        return [] if any(_is_special(name) or name == "model_config" for name in names) else names
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        kind = statement.annotation.value if isinstance(statement.annotation, ast.Subscript) else statement.annotation
        return [statement.target.id] if (_chain(kind) or ("",))[-1] == "ClassVar" else []
    return []


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _piece(nodes: Sequence[ast.AST], package: str) -> Piece:
    uses = _Uses(package)
    for node in nodes:
        uses.visit(node)
    digest = hashlib.sha256("\n".join("".join(_canonical(node)) for node in nodes).encode("utf-8", "surrogatepass"))
    return Piece(
        digest.digest(),
        frozenset(uses.chains),
        frozenset(uses.attributes),
        frozenset(uses.strings),
        uses.imports,
        uses.dynamic,
        uses.takes_all,
        uses.imports_any,
    )


class _Uses(ast.NodeVisitor):
    """Collects what code uses. Annotations of functions are not followed: they decide nothing of what is computed."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.chains: set[Chain] = set()
        self.attributes: set[str] = set()
        self.strings: set[str] = set()
        self.imports: dict[str, Target] = {}
        self.dynamic = self.takes_all = self.imports_any = False
        self._inside = 0

    def visit_Name(self, node: ast.Name) -> None:
        self.chains.add((node.id,))
        self.dynamic |= node.id in _ASKS  # it is handed on; a call does not come here
        self.takes_all |= node.id in ("globals", "locals", "eval", "exec")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        if chain is None:
            self.attributes.add(node.attr)
            self.dynamic |= node.attr == "__dict__"
            self.visit(node.value)
            return
        self.chains.add(chain)
        self.attributes.update(chain[1:])

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and len(node.value) <= _LONGEST:
            self.strings.add(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        called = (_chain(node.func) or ("",))[-1]
        if called in _ASKS:
            names = node.args[1:2] if called == "getattr" else node.args
            self.attributes.update(str(name.value) for name in names if isinstance(name, ast.Constant))
            self.dynamic |= any(not isinstance(name, ast.Constant) for name in names)
            for part in (*node.args, *node.keywords):
                self.visit(part)
            return
        if called == "vars" and node.args:
            self.dynamic |= _chain(node.args[0]) != ("self",)  # whose methods are those of its class
        if called in ("import_module", "__import__") and node.args:
            self._import(node.args[0], relative=len(node.args) + len(node.keywords) > 1)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.takes_all |= _chain(node.value) == ("sys", "modules") and _chain(node.slice) == ("__name__",)
        self.generic_visit(node)

    def _import(self, name: ast.expr, *, relative: bool) -> None:
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            text = name.value
            level = len(text) - len(text.lstrip("."))
            module = _absolute(ast.ImportFrom(text[level:] or None, [], level), self.package)
            self.imports[f"import of {module}"] = (module, None)
        else:  # a name that is made here is one beside this module; of one that is given nothing is known
            self.imports_any |= relative or not isinstance(name, (ast.Name, ast.Attribute, ast.Subscript))

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        self._inside += 1
        for part in (*node.decorator_list, *arguments.defaults, *arguments.kw_defaults, *_without_text(node.body)):
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
        for part in (*node.bases, *node.keywords, *node.decorator_list, *_without_text(node.body)):
            self.visit(part)

    def visit_Import(self, node: ast.Import) -> None:
        self.imports.update(_imports([node], self.package))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.imports.update(_imports([node], self.package))


def _canonical(node: object) -> Iterator[str]:
    """A syntax tree as text, the same whatever the layout, and in every version of Python that can parse it."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list):
                value = list(_without_text(value))
            if (value in (None, []) and not isinstance(node, ast.Constant)) or name in ("ctx", "type_comment"):
                continue
            yield f" {name}="
            yield from _canonical(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            yield from _canonical(item)
            yield ","
        yield "]"
    else:
        yield repr(node)


def _without_text(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    return (statement for statement in body if not _is_text(statement))


def _is_text(statement: ast.AST) -> bool:
    """Whether a statement is a docstring, or another text that nobody reads but people."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _chain(node: ast.AST) -> Chain | None:
    """``a.b.c`` as its names; None of anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None


def _decorator(node: ast.AST) -> Chain | None:
    return _chain(node.func if isinstance(node, ast.Call) else node)


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement binds in its own scope."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    names: set[str] = set()
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.Name) and isinstance(child.ctx, (ast.Store, ast.Del)):
            names.add(child.id)
        elif isinstance(child, (ast.Tuple, ast.List, ast.Starred)):
            names.update(n.id for n in ast.walk(child) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        elif isinstance(child, (ast.stmt, ast.ExceptHandler, ast.withitem)):
            names |= _bound(child)  # type: ignore[arg-type]
    return names


def _acts(statement: ast.AST) -> bool:
    """Whether a statement of a module that binds names does more than that, such as a loop that fills a list."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, _DEFINITIONS):
            continue
        if isinstance(child, (ast.Expr, ast.Delete, ast.AugAssign)) and not _is_text(child):
            return True
        if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            targets = child.targets if isinstance(child, ast.Assign) else []
            if any(isinstance(target, (ast.Subscript, ast.Attribute)) for target in targets) or _acts(child):
                return True
    return False


def _imports(statements: Iterable[ast.AST], package: str) -> dict[str, Target]:
    """What the imports in statements bind, those inside of functions and classes left out."""
    found: dict[str, Target] = {}
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = (alias.name if alias.asname else top, None)
        elif isinstance(statement, ast.ImportFrom):
            module = _absolute(statement, package)
            found.update({alias.asname or alias.name: (module, alias.name) for alias in statement.names})
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inside = [
                node for node in ast.iter_child_nodes(statement) if isinstance(node, (ast.stmt, ast.ExceptHandler))
            ]
            found.update(_imports(inside, package))
    found.pop("*", None)
    return found


def _statements_in(node: ast.AST) -> list[ast.AST]:
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.ExceptHandler))]


def _stars(statement: ast.stmt, package: str) -> list[str]:
    starred = isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names)
    return [_absolute(statement, package)] if isinstance(statement, ast.ImportFrom) and starred else []


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    if not statement.level:
        return statement.module or ""
    base = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _is_for_type_checkers(test: ast.expr) -> bool:
    return (_chain(test) or ("",))[-1] == "TYPE_CHECKING"


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and _chain(test.left) == ("__name__",)
