"""Code and data of a plugin that are reached by ways other than a name that is written out."""

from __future__ import annotations

import pytest

from hpe_bench.plugins import discover
from hpe_bench.provenance.closure import closure

_ASK = "\nclass Thing:\n    def predict(self):\n        return {}\n"
_PLACE = "from pathlib import Path\nHERE = Path(__file__).parent\n"
_REGISTRY = "FOUND = {}\n\ndef keep(thing):\n    FOUND['a'] = thing\n    return thing\n"
_METHOD = "\nclass Other:\n    def do_it(self):\n        return 77\n"

#: Where the 77 stands, by what reaches it: the files of a plugin that is a folder, and the one that is edited.
WAYS: dict[str, tuple[dict[str, str], str]] = {
    "globals": ({"__init__.py": "def f1():\n    return 77\n" + _ASK.format("globals()['f' + '1']()")}, "__init__.py"),
    "an own module's dictionary": (
        {"__init__.py": "from . import h\n" + _ASK.format("h.__dict__['f']()"), "h.py": "def f():\n    return 77\n"},
        "h.py",
    ),
    "a method of another object": (
        {"__init__.py": _METHOD + _ASK.format("getattr(Other(), 'do_' + 'it')()")},
        "__init__.py",
    ),
    "getattr under another name": (
        {"__init__.py": _METHOD + "ask = getattr\n" + _ASK.format("ask(Other(), 'do_' + 'it')()")},
        "__init__.py",
    ),
    "the dictionary of a class": (
        {"__init__.py": _METHOD + _ASK.format("type(Other()).__dict__['do_' + 'it'](None)")},
        "__init__.py",
    ),
    "an import by a text": (
        {"__init__.py": "import importlib\n" + _ASK.format("importlib.import_module('.h', __package__).f()")}
        | {"h.py": "def f():\n    return 77\n"},
        "h.py",
    ),
    "an import by a text that is made": (
        {"__init__.py": "import importlib\n" + _ASK.format("importlib.import_module(f'{__name__}.h').f()")}
        | {"h.py": "def f():\n    return 77\n"},
        "h.py",
    ),
    "a loop of a module": (
        {
            "__init__.py": "from . import h\n" + _ASK.format("h.L"),
            "h.py": "L = []\nfor i in range(77):\n    L.append(i)\n",
        },
        "h.py",
    ),
    "a decorator of another module": (
        {"__init__.py": "from . import r, impl\n" + _ASK.format("r.FOUND['a']()"), "r.py": _REGISTRY}
        | {"impl.py": "from . import r\n\n@r.keep\ndef f():\n    return 77\n"},
        "impl.py",
    ),
    "a decorator that is an object's method": (
        {"__init__.py": "from . import r, impl\n" + _ASK.format("r.FOUND.all[0]()")}
        | {"r.py": "class Kept:\n    all = []\n    def keep(self, f):\n        self.all.append(f)\n\nFOUND = Kept()\n"}
        | {"impl.py": "from .r import FOUND\n\n@FOUND.keep\ndef f():\n    return 77\n"},
        "impl.py",
    ),
    "a decorator of a class": (
        {"__init__.py": "from . import r, impl\n" + _ASK.format("r.FOUND['a']().go()"), "r.py": _REGISTRY}
        | {"impl.py": "from .r import keep\n\n@keep\nclass A:\n    def go(self):\n        return 77\n"},
        "impl.py",
    ),
    "a base that is told": (
        {"__init__.py": "from . import r, impl\n" + _ASK.format("r.FOUND[0]().go()")}
        | {"r.py": "FOUND = []\n\nclass Base:\n    def __init_subclass__(cls):\n        FOUND.append(cls)\n"}
        | {"impl.py": "from .r import Base\n\nclass A(Base):\n    def go(self):\n        return 77\n"},
        "impl.py",
    ),
    "a metaclass that is told": (
        {"__init__.py": "from . import r, impl\n" + _ASK.format("r.FOUND[0]().go()")}
        | {"r.py": "FOUND = []\n\nclass Meta(type):\n    def __init__(cls, *more):\n        FOUND.append(cls)\n"}
        | {"impl.py": "from .r import Meta\n\nclass A(metaclass=Meta):\n    def go(self):\n        return 77\n"},
        "impl.py",
    ),
    "the subclasses of a base": (
        {"__init__.py": "from . import impl\nfrom .r import Base\n" + _ASK.format("Base.__subclasses__()[0]().go()")}
        | {"r.py": "class Base:\n    pass\n"}
        | {"impl.py": "from .r import Base\n\nclass A(Base):\n    def go(self):\n        return 77\n"},
        "impl.py",
    ),
    "a file in a named folder that is a package": (
        {"__init__.py": _PLACE + _ASK.format("(HERE / 'data' / 't.txt').read_text()")}
        | {"data/__init__.py": "", "data/t.txt": "77"},
        "data/t.txt",
    ),
    "a file of a package above": (
        {"__init__.py": "from .sub.m import Thing\n", "sub/__init__.py": ""}
        | {"sub/m.py": _PLACE + _ASK.format("(HERE.parent / 'data' / 't.txt').read_text()"), "data/t.txt": "77"},
        "data/t.txt",
    ),
    "a hidden file that is named": (
        {"__init__.py": _PLACE + _ASK.format("(HERE / '.t').read_text()"), ".t": "77"},
        ".t",
    ),
    "a file whose name is made": (
        {
            "__init__.py": _PLACE + _ASK.format("(HERE / 'data' / f'{len(str(self))}.txt').read_text()"),
            "data/9.txt": "77",
        },
        "data/9.txt",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_plugin_reaches_without_writing_its_name_out_counts(way, tmp_path):
    files, edited = WAYS[way]

    def reached(number):
        folder = tmp_path / number / "plugin"
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text.replace("77", number) if name == edited else text)
        register = "    register('thing', Thing)\n"
        with open(folder / "__init__.py", "a") as file:
            file.write(f"\nfrom hpe_bench import hookimpl\n\n@hookimpl\ndef register_estimators(register):\n{register}")
        (entry,) = [e for e in discover([folder]).entries("estimators") if e.name == "thing"]
        return closure([entry.target], ["predict"])

    assert reached("77") == reached("77")
    assert reached("77") != reached("78")
