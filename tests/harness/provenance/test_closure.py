"""What code, which data files and whose versions can reach a result, followed in packages made for the purpose."""

from __future__ import annotations

import importlib
import re
import sys
import textwrap

import pytest

from hpe_bench.provenance import packages
from hpe_bench.provenance.closure import closure

PACKAGE = {
    "__init__.py": "",
    "thing.py": """
        '''A module.'''
        import numpy as np
        from reached import helpers
        from reached.helpers import used as renamed

        LIMIT = 3

        class Thing:
            '''A class.'''
            size = helpers.SIZE

            def predict(self):
                '''A method.'''
                from reached.late import later
                return renamed(LIMIT) + later() + self.size  # a comment

            def learn(self):
                from reached.learning import fit
                return fit()

        def beside():
            return 1
        """,
    "helpers.py": """
        from pathlib import Path

        SIZE = 2

        def used(limit):
            return Path(__file__).with_name("table.txt").read_text() + str(limit)

        def unused():
            return Path(__file__).with_name("other.txt").read_text()
        """,
    "late.py": """
        import scipy.spatial

        def later():
            return scipy.spatial.KDTree
        """,
    "learning.py": """
        import torch

        def fit():
            return torch
        """,
    "table.txt": "1 2 3",
    "other.txt": "4 5 6",
    "unnamed.bin": "7 8 9",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that writes the package "reached", some files changed or added, and gives its class Thing."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**changes):
        folder = tmp_path / "reached"
        folder.mkdir(exist_ok=True)
        for name, text in {**PACKAGE, **{name.replace("__dot__", "."): text for name, text in changes.items()}}.items():
            (folder / name).write_text(textwrap.dedent(text))
        for name in [name for name in sys.modules if name.partition(".")[0] == "reached"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return importlib.import_module("reached.thing").Thing

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "reached"]:
        del sys.modules[name]


def changed(name: str, old: str, new: str) -> dict[str, str]:
    assert old in PACKAGE[name]
    return {name.replace(".", "__dot__"): PACKAGE[name].replace(old, new)}


def reach(kind, asked=("predict",)):
    return closure([kind], asked, closely={"reached"})


def test_it_follows_what_is_asked_for_and_nothing_else(package):
    found = reach(package())
    assert set(found.code) == {"reached.thing", "reached.helpers", "reached.late"}
    assert set(found.versions) == {"scipy"}
    learning = reach(package(), ("learn",))
    assert set(learning.code) == {"reached.thing", "reached.learning"}
    assert set(learning.versions) == {"torch"}


@pytest.mark.parametrize(
    "change",
    [
        changed("thing.py", "# a comment", "# another one"),
        changed("thing.py", "'''A method.'''", "'''Another text,\n\n                in more lines.'''"),
        changed("thing.py", "renamed(LIMIT) + later()", "renamed( LIMIT ) + ( later())"),
        changed("thing.py", "'''A module.'''", "# no docstring at all"),
        changed("thing.py", "return 1", "return 2"),
        changed("helpers.py", "other.txt", "unnamed.bin2"),
        changed("learning.py", "return torch", "return 5"),
    ],
)
def test_comments_docstrings_layout_and_code_that_is_not_reached_change_nothing(package, change):
    assert reach(package(**change)).code == reach(package()).code


@pytest.mark.parametrize(
    ("change", "module"),
    [
        (changed("thing.py", "LIMIT = 3", "LIMIT = 4"), "reached.thing"),
        (changed("thing.py", "+ later()", "- later()"), "reached.thing"),
        (changed("helpers.py", "SIZE = 2", "SIZE = 3"), "reached.helpers"),
        (changed("helpers.py", "str(limit)", "str(limit + 1)"), "reached.helpers"),
        (changed("late.py", "KDTree", "cKDTree"), "reached.late"),
    ],
)
def test_code_that_is_reached_changes_its_module_alone(package, change, module):
    before, after = reach(package()).code, reach(package(**change)).code
    assert {name for name in before if before[name] != after[name]} == {module} and set(before) == set(after)


def test_a_data_file_counts_for_the_code_that_names_it_and_one_that_none_names_for_all(package):
    found = reach(package()).data
    assert set(found) == {"reached/table.txt", "reached/unnamed.bin"}
    assert reach(package(table__dot__txt="1 2 4")).data["reached/table.txt"] != found["reached/table.txt"]
    assert reach(package(other__dot__txt="9")).data == found


def test_a_plugin_that_is_one_file_has_data_where_it_looks_beside_itself(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "log.txt").write_text("what it wrote itself")
    (tmp_path / "means.txt").write_text("1")
    text = "from pathlib import Path\nclass Alone:\n    def predict(self):\n        return {}\n"
    (tmp_path / "alone_one.py").write_text(text.format('open("log.txt", "a")'))
    (tmp_path / "alone_two.py").write_text(text.format('Path(__file__).with_name("means.txt").read_text()'))
    one, two = (importlib.import_module(name).Alone for name in ("alone_one", "alone_two"))
    assert not reach(one).data and set(reach(two).data) == {"alone_two/means.txt"}


def test_packages_that_are_asked_for_count_by_their_version_and_absent_ones_as_none(package, monkeypatch):
    monkeypatch.setattr(packages, "version", {"scipy": "1.0", "rich": "2.0"}.get)
    found = closure([package()], ("predict",), ("rich", "not_installed_anywhere"), {"reached"})
    assert found.versions == {"not_installed_anywhere": None, "rich": "2.0", "scipy": "1.0"}


def test_of_a_class_with_a_foreign_base_all_counts_for_its_base_may_call_it(package):
    change = changed("thing.py", "class Thing:", "class Thing(np.ndarray):")
    assert "reached.learning" in reach(package(**change)).code


def test_a_method_that_is_inherited_counts(package):
    text = "from reached.thing import Thing as Base\n\nclass Thing(Base):\n    pass\n"
    package(child__dot__py=text)
    child = importlib.import_module("reached.child").Thing
    assert {"reached.child", "reached.thing", "reached.late"} <= set(reach(child).code)


def test_a_method_whose_name_is_computed_counts_with_all_the_others_of_its_class(package):
    change = changed(
        "thing.py", "return renamed(LIMIT)", "getattr(self, f'le{LIMIT}')()\n                return renamed(LIMIT)"
    )
    assert "reached.learning" in reach(package(**change)).code


def test_what_runs_when_a_module_is_imported_counts(package):
    before = reach(package()).code
    after = reach(package(__init____dot__py="import os\nos.environ.setdefault('A', 'b')\n")).code
    assert set(after) - set(before) == {"reached"}


def test_a_decorator_that_may_register_what_it_decorates_makes_it_count(package):
    text = PACKAGE["helpers.py"].replace(
        "def unused",
        "KEPT = []\n\n        def keep(f):\n            KEPT.append(f)\n\n        @keep\n        def unused",
    )
    assert "reached/other.txt" in reach(package(helpers__dot__py=text)).data


def test_a_module_that_is_handed_on_as_it_is_counts_as_a_whole(package):
    change = changed("thing.py", "size = helpers.SIZE", "size = dir(helpers)")
    assert "reached/other.txt" in reach(package(**change)).data


def test_a_root_that_is_not_there_is_a_bug():
    with pytest.raises(LookupError, match="no_such_function"):
        closure(["hpe_bench.pose:no_such_function"])


def test_a_module_that_its_package_imports_by_a_dot_is_followed(package):
    init = "from . import helpers\n\nclass Whole:\n    def predict(self):\n        return helpers.used(1)\n"
    package(__init____dot__py=init)
    assert "reached.helpers" in reach(importlib.import_module("reached").Whole).code


#: What an analysis of names does not follow: files by their names, in one of them [what there is|what comes next].
WRITTEN = {
    "an import under another name": """
        # m.py
        from math import [sin|cos] as f
        class E:
            def predict(self): return f(1)
        """,
    "one name imported from two places": """
        # h.py
        def f(): return [1|3]
        # s.py
        def f(): return 2
        # m.py
        try:
            from .h import f
        except ImportError:
            from .s import f
        class E:
            def predict(self): return f()
        """,
    "a registry": """
        # m.py
        class R(dict):
            def add(self, f): self[f.__name__] = f; return f
        REG = R()
        @REG.add
        def head(): return [1|3]
        class E:
            def predict(self): return REG["head"]()
        """,
    "a loop that fills a table": """
        # m.py
        T = {}
        for i in range(3):
            T[i] = i * [2|3]
        class E:
            def predict(self): return T[1]
        """,
    "a constant of the class in a default": """
        # m.py
        class E:
            _N = [5|6]
            def predict(self, n=_N): return n
        """,
    "an alias of a method": """
        # m.py
        class E:
            def _fast(self): return [1|3]
            predict = _fast
        """,
    "a name that is computed": """
        # m.py
        class H:
            def front(self): return [1|3]
        class E:
            def predict(self): return max(getattr(H(), n)() for n in ("front",))
        """,
    "a module that is imported by a text": """
        # h.py
        def f(): return [1|3]
        # m.py
        import importlib
        class E:
            def predict(self): return importlib.import_module(".h", __package__).f()
        """,
    "a module that is imported for what it does": """
        # t.py
        T = {}
        # h.py
        from .t import T
        T["a"] = [7|8]
        # m.py
        import reached.h
        from .t import T
        class E:
            def predict(self): return T["a"]
        """,
    "a folder that is no package": """
        # sub/h.py
        def f(): return [1|3]
        # m.py
        class E:
            def predict(self):
                from .sub import h
                return h.f()
        """,
    "the order of statements": """
        # m.py
        T = {}
        T["a"] = [1|2]
        T["a"] = [2|1]
        class E:
            def predict(self): return T["a"]
        """,
    "a class of its base's name": """
        # b.py
        class E:
            def predict(self): return 1
        # m.py
        from .b import E
        class E(E):
            x = [1|2]
        """,
    "a file of a name that is computed": """
        # data/one.txt
        [1|2]
        # m.py
        class E:
            def predict(self): return open(__file__[:-4] + "data/on" + "e.txt")
        """,
}


@pytest.mark.parametrize("what", WRITTEN)
def test_of_what_others_write_whole_modules_count(tmp_path, monkeypatch, what):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for side in (1, 2):
        text = re.sub(r"\[(\w+)\|(\w+)\]", rf"\{side}", textwrap.dedent(WRITTEN[what]).strip())
        for part in ("# __init__.py\n" + text).split("# ")[1:]:
            name, _, content = part.partition("\n")
            path = tmp_path / "reached" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        importlib.invalidate_caches()
        found.append(closure(["reached.m:E"], ("predict",)))
    assert found[0] != found[1]


def test_a_class_that_is_made_at_run_time_counts_by_its_module_and_its_bases(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "made_up.py").write_text("class Base:\n    pass\nMade = type('Other', (Base,), {})\n")
    assert set(closure([importlib.import_module("made_up").Made]).code) == {"made_up"}
