"""Mutate a module, run its tests against every mutant, and print the mutants that no test noticed.

    python tests/mutation/mutate.py [MODULE ...]

The modules and their tests stand in modules.toml. A survivor that no test can or should kill stands in survivors.toml,
with the reason; all others are printed, and the exit code is then 1. The work is done by mutmut, in a copy of the
checkout, so that nothing here is touched.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: Address space of a mutant, bytes: a loop that allocates without end is ended, PyTorch's libraries fit.
MEMORY = 12 << 30

# The text of an error is not held by tests, so what stands in a raise is left as it is.
CONFIGURATION = """
[tool.pytest.ini_options]
addopts = "--import-mode=importlib -q -p no:cacheprovider"

[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/{module}"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = {arguments}
do_not_mutate_patterns = ['^\\s*raise ']
timeout_constant = 1.0
timeout_multiplier = 10.0
use_git_change_detection = false
"""


def mutate(name: str, entry: dict[str, Any], explained: list[dict[str, Any]], rules: list[str]) -> bool:
    """Print a module's figures and the survivors that are not explained; whether there are none, nor explanations of
    what is killed."""
    source, functions = entry["source"], entry.get("functions", [])
    arguments = ["-k", f"not ({entry['without']})"] if "without" in entry else []
    with tempfile.TemporaryDirectory(prefix=f"mutate-{name}-") as folder:
        stage = Path(folder)
        for package in (ROOT / "harness" / "hpe_bench", ROOT / "plugins" / "hpe_bench_plugins"):
            shutil.copytree(package, stage / "src" / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "tests", stage / "tests", ignore=shutil.ignore_patterns("__pycache__", "third_party"))
        module = Path(source).relative_to(Path(source).parts[0])
        (stage / "pyproject.toml").write_text(
            CONFIGURATION.format(module=module, tests=entry["tests"], arguments=arguments)
        )
        _run_mutmut(stage, name, [f"{_dotted(module)}.{_mangled(function)}__mutmut_*" for function in functions])
        survivors, counts = _results(stage, module, functions)
    known = {(own["function"], _squeezed(line)) for own in explained for line in own["becomes"]}
    unexplained = [
        (function, change)
        for function, change in survivors
        if (function, _becomes(change)) not in known and not any(re.search(rule, _becomes(change)) for rule in rules)
    ]
    outdated = known - {(function, _becomes(change)) for function, change in survivors}
    total = sum(counts.values())
    print(
        f"{name}: {total} mutants, {counts['killed']} killed, {counts['timeout']} timed out, "
        f"{len(survivors)} survived, {len(unexplained)} of them unexplained"
    )
    for function, change in unexplained:
        print(f"\n  {function}\n" + "\n".join(f"    {line}" for line in change.splitlines()))
    for function, line in sorted(outdated):
        print(f"\n  survivors.toml explains what does not survive any more: {name}, {function}: {line}")
    return not unexplained and not outdated


def _run_mutmut(stage: Path, name: str, mutants: list[str]) -> None:
    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    # The mutants come first, whatever is installed. A folder that is missing when Python starts would stay unseen.
    (stage / "mutants" / "src").mkdir(parents=True)
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(stage / "mutants" / "src")}
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", "2", *mutants]
    log = stage / "log"
    with log.open("w") as out:
        done = subprocess.run(command, cwd=stage, env=environment, stdout=out, stderr=out, preexec_fn=bound)
    if done.returncode != 0:
        raise SystemExit(f"{name}: mutmut failed\n{log.read_text().rpartition(chr(13))[2][-4000:]}")


def _results(stage: Path, module: Path, functions: list[str]) -> tuple[list[tuple[str, str]], Counter[str]]:
    """The survivors, each a function and its changed lines, and how many mutants fared how."""
    os.chdir(stage)
    import mutmut.configuration
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    mutmut.configuration._config = None
    path = Path("src") / module
    data = SourceFileMutationData(path=path)
    data.load()
    survivors, counts = [], Counter[str]()
    for mutant, code in data.exit_code_by_key.items():
        function, owner = orig_function_and_class_names_from_key(mutant)
        function = f"{owner}.{function}" if owner else function
        if functions and function not in functions:
            continue
        status = status_by_exit_code[code]
        counts[status] += 1
        if status not in ("killed", "timeout"):
            lines = get_diff_for_mutant(mutant, path=path).splitlines()[3:]
            change = "\n".join(line for line in lines if line.startswith(("-", "+")))
            mark = "" if status == "survived" else f" ({status})"
            survivors.append((function, change + mark))
    os.chdir(ROOT)
    return survivors, counts


def _dotted(module: Path) -> str:
    return ".".join(module.with_suffix("").parts)


def _mangled(function: str) -> str:
    """The name that mutmut gives a function, or a method "Class.method"."""
    return f"xǁ{function.replace('.', 'ǁ')}" if "." in function else f"x_{function}"


def _becomes(change: str) -> str:
    """What a mutant puts in the place of a line, or of several."""
    return _squeezed(" ".join(line[1:] for line in change.splitlines() if line.startswith("+")))


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Mutate the modules that are named, else all."""
    modules = tomllib.loads((HERE / "modules.toml").read_text())
    explained = tomllib.loads((HERE / "survivors.toml").read_text()) if (HERE / "survivors.toml").exists() else {}
    names = sys.argv[1:] or list(modules)
    if unknown := [name for name in names if name not in modules]:
        raise SystemExit(f"no module {', '.join(unknown)} to mutate; there is {', '.join(modules)}")
    rules = [pattern for rule in explained.pop("everywhere", []) for pattern in rule["becomes"]]
    clean = True
    for name in names:
        clean &= mutate(name, modules[name], explained.get(name, []), rules)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
