"""Real commands, killed at random moments and started again until they are done: nothing lost, nothing left.

    python tests/kills/campaign.py [--kills N] [--seed S] [COMMAND]...

N kills of each command, or 320 in all. A command is killed with its whole process group, four times of five after its
first finished piece of work. When it is done at last, its result is compared with that of a run that nobody disturbed.
Exits with 1 where anything was lost, left behind or different.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import CASES, HERE, Case
from sessions import running_of

_EARLY = 0.2  # the share of kills at any moment, mostly before anything is done
_START = 4.0  # seconds within which these come
_PATIENCE = 600.0
#: What a kill may cost: the images under way, of two workers, and what they did since they last told of it.
_LOST = 2 * (2 + round(2.0 / 0.02))


@dataclass
class Tally:
    """What was seen of a command."""

    kills: int = 0
    late: int = 0
    finished: int = 0
    redone: int | None = None
    worst: int = 0
    wrong: list[str] = field(default_factory=list)


def main() -> None:
    """Kill, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=", ".join(case.name for case in CASES))
    parser.add_argument("--kills", type=int, help="kills of each command")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    known = {case.name: case for case in CASES}
    if unknown := set(given.commands) - set(known):
        parser.error(f"no {', '.join(sorted(unknown))}; there is {', '.join(known)}")
    tallies = {}
    for name in given.commands or known:
        wanted = known[name].share if given.kills is None else given.kills
        with tempfile.TemporaryDirectory(prefix="hpe-bench-kills-") as folder:
            tallies[name] = _campaign(known[name], wanted, random.Random(f"{given.seed} {name}"), Path(folder))
        print(_line(name, tallies[name]), flush=True)
    print(f"{sum(tally.kills for tally in tallies.values())} kills, seed {given.seed}")
    sys.exit(any(tally.wrong for tally in tallies.values()))


def _campaign(case: Case, wanted: int, chance: random.Random, folder: Path) -> Tally:
    tally = Tally()
    calm = folder / "calm"
    _prepare(case, calm)
    if code := _finish(case, calm):
        tally.wrong.append(f"undisturbed it ends with {code}: {_said(calm)}")
        return tally
    expected = case.result(calm)
    if not expected:
        tally.wrong.append("it has no result")
    while tally.kills < wanted and not tally.wrong:
        here = folder / f"try{tally.finished}"
        _prepare(case, here)
        before, most = tally.kills, chance.randint(4, 12)
        while tally.kills < min(before + most, wanted) and _killed(case, here, chance, tally):
            pass
        _settle(case, here, expected, tally, tally.kills - before)
        print(
            f"{case.name}: {tally.kills} of {wanted} kills, {tally.finished} times finished",
            file=sys.stderr,
            flush=True,
        )
        shutil.rmtree(here)
    return tally


def _killed(case: Case, folder: Path, chance: random.Random, tally: Tally) -> bool:
    """Start it and kill it; False where it was done before."""
    early = chance.random() < _EARLY
    delay = chance.uniform(0, _START if early else case.seconds)
    begun_before = case.begun(folder)
    looks = _looks(folder)
    process = _started(case, folder)
    deadline = time.monotonic() + _PATIENCE
    # "Begun" is seen anew in every try: by another look at an image, or where none is counted, by the time it takes.
    while not early and process.poll() is None and time.monotonic() < deadline:
        if case.begun(folder) and (case.samples is None or _looks(folder) > looks or not begun_before):
            break
        time.sleep(0.01)
    ends = time.monotonic() + delay
    while process.poll() is None and time.monotonic() < ends:
        time.sleep(0.005)
    if process.poll() is not None:
        if process.returncode:
            tally.wrong.append(f"after {tally.kills} kills it ends with {process.returncode}: {_said(folder)}")
        return False
    late = case.begun(folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    tally.kills += 1
    tally.late += late
    if left := running_of(process.pid):
        tally.wrong.append(f"processes outlive kill {tally.kills}: {left}")
        return False
    return True


def _settle(case: Case, folder: Path, expected: dict[str, str], tally: Tally, kills: int) -> None:
    """Let it finish, and compare."""
    if tally.wrong:
        return
    if code := _finish(case, folder):
        tally.wrong.append(f"after {tally.kills} kills it ends with {code}: {_said(folder)}")
        return
    tally.finished += 1
    found = case.result(folder)
    if case.more and (code := _finish(case, folder, case.more)):
        tally.wrong.append(f"after {tally.kills} kills another run ends with {code}: {_said(folder)}")
    if found != expected:
        other = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        tally.wrong.append(f"after {tally.kills} kills other results: {', '.join(other[:5])}")
    if case.samples is not None:
        redone = _looks(folder) - case.samples
        tally.redone = (tally.redone or 0) + redone
        tally.worst = max(tally.worst, -(-redone // max(kills, 1)))
        if redone < 0 or redone > kills * _LOST:
            tally.wrong.append(f"{redone} of {case.samples} samples were looked at again after {kills} kills")
    if left := _leftovers(folder):
        tally.wrong.append(f"left behind after {tally.kills} kills: {', '.join(left[:5])}")


def _prepare(case: Case, folder: Path) -> None:
    (folder / "tmp").mkdir(parents=True)
    case.write(folder)


def _started(case: Case, folder: Path, more: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HPE_BENCH_")}
    environment.update(
        HPE_BENCH_PLUGINS=os.pathsep.join([str(HERE / "plugin.py"), str(HERE.parent / "harness" / "image_learner.py")]),
        TMPDIR=str(folder / "tmp"),
        KILLS_LOG=str(folder / "looks"),
        CARDS_LOG=str(folder / "cards"),
        OMP_NUM_THREADS="1",
    )
    with open(folder / "said", "wb") as said:
        return subprocess.Popen(
            [sys.executable, "-c", "from hpe_bench.cli import main; main()", *case.arguments, *more],
            cwd=folder,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def _finish(case: Case, folder: Path, more: Sequence[str] = ()) -> int:
    process = _started(case, folder, more)
    try:
        return process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def _said(folder: Path) -> str:
    return (folder / "said").read_text(errors="replace")[-500:].strip()


def _looks(folder: Path) -> int:
    log = folder / "looks"
    return log.stat().st_size if log.exists() else 0


def _leftovers(folder: Path) -> list[str]:
    """Files that nobody needs once the command is done: journals, locks, what was not finished."""
    found = [path for path in (folder / "tmp").rglob("*") if path.is_file()]
    for path in (path for name in ("results", "datasets", "weights") for path in (folder / name).rglob("*")):
        if path.is_file() and (".tmp-" in path.name or path.suffix in (".journal", ".lock", ".checkpoint")):
            found.append(path)
    return [str(path.relative_to(folder)) for path in found]


def _line(name: str, tally: Tally) -> str:
    lost = (
        f"{tally.redone} samples looked at again, at most {tally.worst} a kill" if tally.redone or tally.worst else ""
    )
    told = [
        f"{tally.kills} kills",
        f"{tally.late} after the first finished batch",
        f"{tally.finished} times finished",
        lost,
        "; ".join(tally.wrong) or "nothing left behind, results equal",
    ]
    return f"{name}: {', '.join(part for part in told if part)}"


if __name__ == "__main__":
    main()
