"""Syntax trees read: what a statement binds and imports, and a tree as text without comments and layout."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence

#: What an import binds: a module, or what it calls by a name (None: the module itself).
Target = tuple[str, str | None]
Chain = tuple[str, ...]


def canonical(node: object) -> Iterator[str]:
    """A syntax tree as text, the same whatever the layout, and in every version of Python that can parse it."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list):
                value = list(without_text(value))
            if (value in (None, []) and not isinstance(node, ast.Constant)) or name in ("ctx", "type_comment"):
                continue
            yield f" {name}="
            yield from canonical(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            yield from canonical(item)
            yield ","
        yield "]"
    else:
        yield repr(node)


def without_text(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body but for docstrings and the like."""
    return (statement for statement in body if not is_text(statement))


def is_text(statement: ast.AST) -> bool:
    """Whether a statement is a docstring, or another text that nobody reads but people."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def dotted(node: ast.AST) -> Chain | None:
    """``a.b.c`` as its names; None of anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None


def decorator(node: ast.AST) -> Chain | None:
    """What a decorator is called, as its names."""
    return dotted(node.func if isinstance(node, ast.Call) else node)


def bound_by(statement: ast.stmt) -> set[str]:
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
            names |= bound_by(child)  # type: ignore[arg-type]
    return names


def imports_in(statements: Iterable[ast.AST], package: str) -> dict[str, list[Target]]:
    """What the imports in statements bind, those inside of functions and classes left out."""
    found: dict[str, list[Target]] = {}
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                top = alias.name.partition(".")[0]
                found.setdefault(alias.asname or top, []).append((alias.name if alias.asname else top, None))
        elif isinstance(statement, ast.ImportFrom):
            module = absolute(statement, package)
            for alias in statement.names:
                found.setdefault(alias.asname or alias.name, []).append((module, alias.name))
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            add_targets(found, imports_in(statements_in(statement), package))
    found.pop("*", None)
    return found


def all_targets(tree: ast.AST, package: str) -> Iterator[Target]:
    """What is imported anywhere in a module, in functions too; all of a module for a star."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(node, package)
            yield from ((module, None if alias.name == "*" else alias.name) for alias in node.names)


def statements_in(node: ast.AST) -> list[ast.AST]:
    """The statements right inside of another."""
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.ExceptHandler))]


def stars_in(statement: ast.stmt, package: str) -> list[str]:
    """The modules of which a statement imports everything."""
    starred = isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names)
    return [absolute(statement, package)] if isinstance(statement, ast.ImportFrom) and starred else []


def absolute(statement: ast.ImportFrom, package: str) -> str:
    """The module that an import is from, in full."""
    if not statement.level:
        return statement.module or ""
    base = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def is_for_type_checkers(test: ast.expr) -> bool:
    """Whether a test is true for type checkers alone."""
    return (dotted(test) or ("",))[-1] == "TYPE_CHECKING"


def is_main(test: ast.expr) -> bool:
    """Whether a test is true where a module runs as a program."""
    equal = isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq)
    return equal and isinstance(test, ast.Compare) and dotted(test.left) == ("__name__",)


def add_targets(known: dict[str, list[Target]], found: Mapping[str, Sequence[Target]]) -> None:
    """Add what some imports bind to what is known."""
    for name, targets in found.items():
        known.setdefault(name, []).extend(targets)
