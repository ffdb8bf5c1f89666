"""The plugin door: who comes in, who is set aside, and what is said of it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from importlib import metadata
from pathlib import Path

import pytest

from hpe_bench import plugins
from hpe_bench.errors import PluginError, UnknownName, UsageError

GOOD = """
import numpy as np
from hpe_bench import Estimator, hookimpl

class Ahead(Estimator):
    def predict(self, batch):
        return np.broadcast_to(np.eye(3), (len(batch), 3, 3))

@hookimpl
def register_estimators(register):
    register("ahead", Ahead, summary="looks ahead")
"""


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text))
    return path


def plugin_of(registry: plugins.Registry, name: str) -> plugins.Plugin:
    return next(plugin for plugin in registry.plugins if plugin.name == name)


def test_bundled_plugins_come_in_by_entry_points():
    registry = plugins.discover(environ={})
    assert {"zero", "random", "procrustes", "fsanet"} <= set(registry.names("estimators"))
    assert {plugin.origin for plugin in registry.plugins} == {"bundled"}
    assert all(plugin.state == "ok" for plugin in registry.plugins)


def test_a_single_file_is_a_plugin(tmp_path):
    registry = plugins.discover([write(tmp_path / "mine.py", GOOD)], environ={})
    assert registry.get("estimators", "ahead").summary == "looks ahead"
    assert plugin_of(registry, "mine").origin == "file"


def test_a_folder_brings_every_file_in_it_and_the_environment_names_folders(tmp_path):
    write(tmp_path / "one.py", GOOD)
    write(tmp_path / "two.py", GOOD.replace('"ahead"', '"ahead2"'))
    write(tmp_path / "_helper.py", "raise RuntimeError")
    registry = plugins.discover(environ={"HPE_BENCH_PLUGINS": str(tmp_path)})
    assert {"ahead", "ahead2"} <= set(registry.names("estimators"))


def test_a_package_folder_is_one_plugin_and_may_import_its_own_modules(tmp_path):
    package = tmp_path / "acme"
    package.mkdir()
    write(package / "__init__.py", "from .inner import register_estimators")
    write(package / "inner.py", GOOD)
    registry = plugins.discover([package], environ={})
    assert plugin_of(registry, "acme").registers == {"estimators": ["ahead"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a_package_that_is_not_there", "ModuleNotFoundError"),
        ("1 +", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
        (GOOD.replace('"ahead", Ahead', '"no good name", Ahead'), "a name is"),
        (GOOD.replace('"ahead", Ahead', '"ahead", "not a target"'), "module:attribute"),
        (GOOD.replace("(register)", "(register, more)"), "more"),
        (GOOD + "\n    raise RuntimeError('half-way')", "half-way"),
    ],
)
def test_a_plugin_that_fails_is_set_aside_with_its_error_and_costs_nobody_else_anything(tmp_path, text, expected):
    registry = plugins.discover(
        [write(tmp_path / "bad.py", text), write(tmp_path / "good.py", GOOD.replace("ahead", "fine"))], environ={}
    )
    bad = plugin_of(registry, "bad")
    assert bad.state == "set aside" and expected in bad.problems[0]
    assert "ahead" not in registry.names("estimators")
    assert {"fine", "zero", "fsanet"} <= set(registry.names("estimators"))
    registry.check()
    with pytest.raises(PluginError, match="bad"):
        registry.check(strict=True)


def test_an_unknown_name_says_what_is_close_and_who_was_set_aside(tmp_path):
    registry = plugins.discover([write(tmp_path / "bad.py", "1 +")], environ={})
    with pytest.raises(UnknownName, match=r"did you mean procrustes.*set aside: bad"):
        registry.get("estimators", "procrustess")


def test_a_misspelt_hook_is_reported_with_the_one_that_was_meant(tmp_path):
    text = GOOD + "\n@hookimpl\ndef register_dataset(register):\n    pass\n"
    registry = plugins.discover([write(tmp_path / "typo.py", text)], environ={})
    plugin = plugin_of(registry, "typo")
    assert plugin.state == "warning"
    assert "no hook 'register_dataset'; did you mean register_datasets" in plugin.problems[0]
    assert "ahead" in registry.names("estimators")


def test_a_plugin_that_implements_no_hook_is_reported(tmp_path):
    registry = plugins.discover([write(tmp_path / "idle.py", GOOD.replace("@hookimpl", ""))], environ={})
    assert "hookimpl" in plugin_of(registry, "idle").problems[0]


def test_two_plugins_that_register_one_name_are_an_error_that_names_both(tmp_path):
    one, two = write(tmp_path / "one.py", GOOD), write(tmp_path / "two.py", GOOD)
    registry = plugins.discover([one, two], environ={})
    with pytest.raises(PluginError) as error:
        registry.check()
    assert "'ahead'" in str(error.value) and str(one) in str(error.value) and str(two) in str(error.value)


def test_two_plugins_of_one_name_are_an_error_that_names_both(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = write(tmp_path / "a" / "same.py", GOOD), write(tmp_path / "b" / "same.py", GOOD)
    with pytest.raises(PluginError) as error:
        plugins.discover([one, two], environ={}).check()
    assert "two plugins are named 'same'" in str(error.value)
    assert str(one) in str(error.value) and str(two) in str(error.value)


def test_two_distributions_with_entry_points_of_one_name_are_both_named(monkeypatch, tmp_path):
    for name in ("acme-hpe", "other-hpe"):
        info = tmp_path / "site" / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[hpe_bench]\nacme = good\n")
    write(tmp_path / "site" / "good.py", GOOD)
    monkeypatch.syspath_prepend(tmp_path / "site")
    registry = plugins.discover(environ={})
    with pytest.raises(PluginError, match=r"two plugins are named 'acme': acme-hpe 1\.0 and other-hpe 1\.0"):
        registry.check()
    assert "ahead" in registry.names("estimators")
    assert metadata.version("acme-hpe") == "1.0"


def test_a_path_that_is_not_there_is_wrong_use():
    with pytest.raises(UsageError, match=r"no plugin at .*nowhere\.py"):
        plugins.discover(["nowhere.py"], environ={})


def test_an_observer_that_fails_is_told_of_once_and_costs_no_run(tmp_path, capsys):
    text = """
    from hpe_bench import hookimpl

    @hookimpl
    def run_progressed(done):
        raise ValueError("oh")
    """
    registry = plugins.discover([write(tmp_path / "watch.py", text)], environ={})
    for done in (1, 2, 3):
        registry.notify("run_progressed", manifest={}, done=done, total=3)
    assert capsys.readouterr().err.count("oh") == 1


def test_list_plugins_shows_everybody_also_those_in_trouble(hpe_bench, tmp_path):
    bad = write(tmp_path / "bad.py", "import a_package_that_is_not_there")
    listed = hpe_bench("list", "plugins", "--json", "--plugin", bad)
    assert listed.returncode == 0
    rows = {row["name"]: row for row in json.loads(listed.stdout)}
    assert rows["bad"]["state"] == "set aside" and "a_package_that_is_not_there" in rows["bad"]["problems"][0]
    assert rows["estimators"]["distribution"] == "hpe-bench" and rows["estimators"]["version"]
    assert hpe_bench("list", "plugins", "--plugin", bad, "--strict").returncode == 2
    assert hpe_bench("--plugin", str(bad), "--strict", "list").returncode == 2


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "plugins"], ["eval", "--help"]])
def test_help_and_list_import_nothing_heavy(arguments):
    probe = (
        "import sys; from hpe_bench.cli import cli; cli(sys.argv[1:], standalone_mode=False); "
        "print(sorted({'torch', 'mediapipe', 'pandas', 'h5py', 'cv2'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe, *arguments], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "[]"


def test_the_bundled_plugins_use_the_public_api_alone_and_the_harness_knows_none_of_them():
    import ast

    root = Path(__file__).resolve().parents[2]

    def imported(folder: str) -> set[str]:
        found = set()
        for file in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module)
                elif isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
        return found

    of_plugins = {module for module in imported("plugins") if module.startswith("hpe_bench.")}
    assert not of_plugins, f"bundled plugins reach behind the public API: {of_plugins}"
    of_harness = {module for module in imported("harness") if module.startswith("hpe_bench_plugins")}
    assert not of_harness, f"the harness imports a plugin: {of_harness}"
    import hpe_bench

    for name in hpe_bench.__all__:
        assert getattr(hpe_bench, name) is not None
