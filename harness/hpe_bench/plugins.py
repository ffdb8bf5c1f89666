"""Finds plugins and keeps what they register: bundled, installed, and local files, all by the same door.

Bundled and installed plugins are entry points of the group ``hpe_bench``; local ones are Python files, or folders of
them, given by path. Each is imported and asked on its own, so that one that fails is set aside with its error and
costs nobody else anything.
"""

from __future__ import annotations

import copy
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy

from hpe_bench import hookspecs
from hpe_bench.declarations import values as declared
from hpe_bench.declarations.things import misfits
from hpe_bench.errors import MissingError, PluginError, RunFailed, UnknownName, UsageError, did_you_mean
from hpe_bench.faults import LOCAL, error_in_words, fault_in_words, faults_of
from hpe_bench.settings import user_path

GROUP = "hpe_bench"
DISTRIBUTION = "hpe-bench"
ENVIRONMENT = "HPE_BENCH_PLUGINS"

#: The estimator that is the truth itself.
ORACLE = "oracle"

KINDS = ("estimators", "datasets", "protocols", "metrics", "extractors")
Origin = Literal["bundled", "installed", "file"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.IGNORECASE)
_PROTOCOL_NAME = re.compile(rf"{_NAME.pattern}/{_NAME.pattern}", re.IGNORECASE)


@dataclass
class Plugin:
    """One plugin, loaded or set aside."""

    name: str
    distribution: str
    version: str
    origin: Origin
    where: str = ""
    registers: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    failed: bool = False

    @property
    def state(self) -> str:
        return "set aside" if self.failed else "warning" if self.problems else "ok"

    def set_aside(self, error: BaseException) -> None:
        self.failed = True
        self.registers.clear()
        cause = error.__cause__ if isinstance(error, RunFailed) and error.__cause__ else error
        self.problems.append(error_in_words(cause))


@dataclass(frozen=True)
class Entry:
    """A thing that a plugin registered; ``load`` imports it."""

    kind: str
    name: str
    target: Any
    plugin: Plugin
    summary: str = ""
    licence: str = ""
    url: str = ""
    citation: str = ""

    def load(self) -> Any:
        """The thing itself; :class:`MissingError` or :class:`PluginError` where it cannot be had, or misfits."""
        thing = self.target
        if isinstance(thing, str):
            module, _, attribute = thing.partition(":")
            try:
                with faults_of(self.target):
                    thing = getattr(importlib.import_module(module), attribute)
            except ModuleNotFoundError as error:
                if error.name is None or f"{module}.".startswith(f"{error.name}."):
                    raise PluginError(f"plugin {self.plugin.name}: there is no module {error.name}") from error
                raise MissingError(f"{self.name} needs the package {error.name}, which is not installed") from error
            except Exception as error:
                what = error_in_words(error)
                raise PluginError(f"plugin {self.plugin.name}: {self.target} cannot be imported ({what})") from error
        if self.name != ORACLE and (problems := misfits(self.kind, self.name, thing)):
            raise PluginError(f"plugin {self.plugin.name}: {self.kind.removesuffix('s')} '{self.name}': {problems[0]}")
        return thing


def reference(entry: Entry) -> dict[str, str]:
    """Under which licence a thing is, where it is from, and what to cite."""
    return {"licence": entry.licence, "url": entry.url, "citation": entry.citation}


class Registry:
    """Everything that is registered, by kind and name."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        self.clashes: list[str] = []
        self.paths: tuple[str, ...] = ()
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
        self._observers_failed: set[str] = set()

    def names(self, kind: str) -> list[str]:
        return sorted(self._entries[kind])

    def entries(self, kind: str) -> list[Entry]:
        return [self._entries[kind][name] for name in self.names(kind)]

    def get(self, kind: str, name: str) -> Entry:
        """The entry of a name; :class:`UnknownName` with what is close to it."""
        try:
            return self._entries[kind][name]
        except KeyError:
            raise UnknownName(kind.removesuffix("s"), name, self._entries[kind], self._set_aside_hint()) from None

    def check(self, strict: bool = False) -> None:
        """:class:`PluginError` where names clash; with ``strict`` also where any plugin has a problem."""
        if self.clashes:
            raise PluginError("; ".join(self.clashes))
        troubled = [plugin for plugin in self.plugins if plugin.problems]
        if strict and troubled:
            raise PluginError("; ".join(f"plugin {p.name} ({p.distribution}): {p.problems[0]}" for p in troubled))

    def notify(self, hook: str, **values: Any) -> None:
        """Tell the observers; one that raises is reported once, on standard error, and not asked again."""
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            key = f"{implementation.plugin_name}.{hook}"
            if key in self._observers_failed:
                continue
            who = f"plugin {implementation.plugin_name}: {hook}"
            try:
                with faults_of(who):
                    # Copies, since what one writes to them is neither the run's nor another observer's.
                    implementation.function(*(copy.deepcopy(values[name]) for name in implementation.argnames))
            except Exception as error:  # an observer must not cost anybody a run
                self._observers_failed.add(key)
                print(fault_in_words(who, error), file=sys.stderr)

    def add(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        """Take a plugin in: import it, check its hooks, collect what it registers; or set it aside."""
        twin = next((other for other in self.plugins if other.name == plugin.name), None)
        self.plugins.append(plugin)
        if twin is not None:
            clash = (
                f"two plugins are named '{plugin.name}': {_origin(twin)} and {_origin(plugin)}; uninstall one of them"
            )
            plugin.failed = True
            plugin.problems.append(clash)
            self.clashes.append(clash)
            return
        try:
            with faults_of(f"plugin {plugin.name}"):
                thing = load()
                thing = thing() if inspect.isclass(thing) else thing
                self.manager.register(thing, name=plugin.name)
                staged = self._collect(plugin, thing)
        except Exception as error:
            plugin.set_aside(error)
            if self.manager.has_plugin(plugin.name):
                self.manager.unregister(name=plugin.name)
            return
        for entry in staged:
            self._keep(entry)
        self._report_misspelt(plugin)
        self._report_never_run(plugin)
        if not staged and not self.manager.get_hookcallers(self.manager.get_plugin(plugin.name)):
            plugin.problems.append("implements no hook: is @hookimpl missing?")

    def _collect(self, plugin: Plugin, thing: Any) -> list[Entry]:
        staged: list[Entry] = []
        for kind in KINDS:
            caller = getattr(self.manager.hook, f"register_{kind}")
            for implementation in caller.get_hookimpls():
                if implementation.plugin is thing and not _never_run(implementation):
                    register = _register(kind, plugin, staged)
                    implementation.function(*([register] if implementation.argnames else []))
        return staged

    def _keep(self, entry: Entry) -> None:
        known = self._entries[entry.kind].setdefault(entry.name, entry)
        if known is not entry:
            clash = (
                f"two plugins register the {entry.kind.removesuffix('s')} '{entry.name}': "
                f"{_origin(known.plugin)} and {_origin(entry.plugin)}; uninstall one of them"
            )
            self.clashes.append(clash)
            entry.plugin.problems.append(clash)
            return
        entry.plugin.registers.setdefault(entry.kind, []).append(entry.name)

    def _report_misspelt(self, plugin: Plugin) -> None:
        known = [name for name in vars(hookspecs) if name.startswith(("register_", "run_"))]
        for name, caller in list(vars(self.manager.hook).items()):
            unknown = isinstance(caller, pluggy.HookCaller) and not caller.has_spec()
            if unknown and any(impl.plugin_name == plugin.name for impl in caller.get_hookimpls()):
                plugin.problems.append(f"no hook '{name}'{did_you_mean(name, known)}")

    def _report_never_run(self, plugin: Plugin) -> None:
        for name in vars(hookspecs):
            caller = getattr(self.manager.hook, name, None) if name.startswith(("register_", "run_")) else None
            for implementation in caller.get_hookimpls() if caller else ():
                if implementation.plugin_name == plugin.name and (why := _never_run(implementation)):
                    plugin.problems.append(f"{name} is never run: it is {why}; a plain @hookimpl function is")

    def _set_aside_hint(self) -> str:
        failed = [plugin.name for plugin in self.plugins if plugin.failed]
        return f" (set aside: {', '.join(failed)}; see hpe-bench list plugins)" if failed else ""


def discover(paths: Sequence[str | Path] = (), environ: Mapping[str, str] = os.environ) -> Registry:
    """Load every plugin: entry points first, then ``paths``, then those of HPE_BENCH_PLUGINS."""
    registry = Registry()
    points = metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda p: (_distribution(p) != DISTRIBUTION, p.name)):
        distribution = _distribution(point)
        registry.add(
            Plugin(
                name=point.name,
                distribution=distribution,
                version=point.dist.version if point.dist else "",
                origin="bundled" if distribution == DISTRIBUTION else "installed",
                where=point.value,
            ),
            point.load,
        )
    given = [user_path(path) for path in paths]
    given += [user_path(path) for path in environ.get(ENVIRONMENT, "").split(os.pathsep) if path]
    registry.paths = tuple(dict.fromkeys(str(path.resolve()) for path in given))
    for path in registry.paths:
        for file in _local_files(Path(path)):
            name = file.parent.name if file.name == "__init__.py" else file.stem
            plugin = Plugin(name=name, distribution=str(file), version="", origin="file", where=str(file))
            registry.add(plugin, lambda file=file: _import_file(file))  # type: ignore[misc]
    return registry


def _distribution(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _never_run(implementation: pluggy.HookImpl) -> str:
    """What a hook is where calling it runs nothing of it; "" where it is a plain function."""
    if implementation.wrapper or implementation.hookwrapper:
        return "a wrapper"
    if inspect.isgeneratorfunction(implementation.function):
        return "a generator"
    return "a coroutine" if inspect.iscoroutinefunction(implementation.function) else ""


def _origin(plugin: Plugin) -> str:
    return f"{plugin.distribution} {plugin.version}".strip()


def _register(kind: str, plugin: Plugin, staged: list[Entry]) -> Callable[..., None]:
    pattern = _PROTOCOL_NAME if kind == "protocols" else _NAME
    form = "dataset/selection" if kind == "protocols" else "letters, digits, '.', '_' and '-'"

    def register(
        name: str, target: Any, *, summary: str = "", licence: str = "", url: str = "", citation: str = ""
    ) -> None:
        if not isinstance(name, str) or not pattern.fullmatch(name):
            raise ValueError(f"cannot register '{name}' among the {kind}: a name is {form}")
        if kind == "estimators" and name == ORACLE:
            raise ValueError(f"the name '{ORACLE}' is the harness's own")
        if isinstance(target, str) and not re.fullmatch(r"[\w.]+:\w+", target):
            raise ValueError(f"cannot register '{name}': '{target}' is not of the form module:attribute")
        for keyword, value in {"summary": summary, "licence": licence, "url": url, "citation": citation}.items():
            declared.text(f"register {kind} '{name}' ", keyword, value)
        if url and not re.match(r"https?://\S+$", url):
            declared.refuse(f"register {kind} '{name}' ", "url", url, "an address that begins with https://")
        entry = Entry(kind, name, target, plugin, summary, licence, url, citation)
        if not isinstance(target, str):
            plugin.problems += [f"{kind.removesuffix('s')} '{name}': {why}" for why in misfits(kind, name, target)]
        staged.append(entry)

    return register


def _local_files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f"no plugin at {path}: --plugin and {ENVIRONMENT} take Python files or folders of them")
    if (path / "__init__.py").is_file():
        return [path / "__init__.py"]
    return sorted(file for file in path.glob("*.py") if not file.name.startswith(("_", "test_")))


def _import_file(file: Path) -> ModuleType:
    package = file.name == "__init__.py"
    stem = file.parent.name if package else file.stem
    name = re.sub(r"\W", "_", f"{LOCAL}{hashlib.sha256(os.fsencode(file)).hexdigest()[:8]}_{stem}")
    search = [str(file.parent)] if package else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=search)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
