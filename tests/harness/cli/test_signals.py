"""Ctrl-C and its kin, at any moment: an exit code, one line, and nothing left but what was finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from kills.sessions import running_of

PLUGIN = """
import hashlib, os, time
from pathlib import Path
import numpy as np
from hpe_bench import Estimator, Extractor, Landmarks, Nothing, hookimpl

def log(text):
    with open(os.environ["SIGNAL_LOG"], "a") as file:
        file.write(text + "\\n")

if os.environ.get("SIGNAL_IMPORT") and os.environ.get("SIGNAL_PARENT") != str(os.getpid()):
    log("importing")
    time.sleep(float(os.environ["SIGNAL_IMPORT"]))

class Slow(Extractor):
    identity = "slow 1"
    points = 4

    def find(self, image):
        log("look")
        time.sleep(float(os.environ.get("SIGNAL_SECONDS", "0.05")))
        return np.zeros((4, 3)) + image.mean()

class Seeing(Estimator):
    inputs = Landmarks(crop="whole", extractor="slow")

    def predict(self, batch):
        return np.tile(np.eye(3), (len(batch), 1, 1))

class Deep(Estimator):
    '''Is in a computation that heeds nothing.'''
    inputs = Nothing()

    def predict(self, batch):
        log("look")
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

class Deaf(Estimator):
    '''Catches whatever is raised.'''
    inputs = Nothing()

    def predict(self, batch):
        log("look")
        while True:
            try:
                time.sleep(1)
            except BaseException:
                print("nothing can stop me", file=__import__("sys").stderr)

@hookimpl
def register_extractors(register):
    register("slow", Slow)

@hookimpl
def register_estimators(register):
    for kind in (Seeing, Deep, Deaf):
        register(kind.__name__.lower(), kind)
"""

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
WORDS = {signal.SIGINT: "Interrupted.", signal.SIGTERM: "Terminated.", signal.SIGHUP: "Hung up."}


class Command:
    """A command in a session of its own."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder, self._log = folder, folder / "signal.log"
        (folder / "tmp").mkdir(exist_ok=True)
        self._log.unlink(missing_ok=True)
        # Where the tests run in the background of a shell, signals may be ignored unless somebody says otherwise.
        heed = f"import signal; [signal.signal(number, signal.SIG_DFL) for number in {[int(n) for n in CODES]}]; "
        heed += "signal.signal(signal.SIGINT, signal.default_int_handler); "
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{heed}from hpe_bench.cli import main; main()", *arguments],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder / "tmp"), "SIGNAL_LOG": str(self._log), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, what: str, times: int = 1) -> None:
        deadline = time.monotonic() + 90
        while self.count(what) < times and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.count(what) >= times, self.process.communicate()

    def count(self, what: str) -> int:
        return self._log.read_text().split().count(what) if self._log.exists() else 0

    def send(self, number: int, group: bool = False) -> None:
        (os.killpg if group else os.kill)(self.process.pid, number)

    def check(self, number: int) -> None:
        """It ends by the signal as it should, and leaves nothing."""
        try:
            out, told = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            pytest.fail("it does not end")
        assert self.process.returncode == CODES[number], told
        assert len(told.splitlines()) == 1 and told.startswith(WORDS[number]) and out == ""
        assert running_of(self.process.pid) == []
        assert list((self.folder / "tmp").iterdir()) == []
        assert not [path for path in self.folder.rglob("*") if ".tmp-" in path.name]


@pytest.fixture
def command(tmp_path, aflw2000):
    """A function of arguments: a command that runs, with the plugin above and a small AFLW2000."""
    aflw2000(np.random.default_rng(0).uniform(-30, 30, (60, 3)))
    (tmp_path / "plugin.py").write_text(PLUGIN)
    started = []

    def start(*arguments: str, **environment: str) -> Command:
        more = ["--plugin", "plugin.py"] if arguments[0] == "eval" else []
        started.append(Command(tmp_path, *arguments, *more, **environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)


SEEING = ("eval", "seeing", "--dataset", "aflw2000", "--workers", "2")


@pytest.mark.parametrize(
    ("number", "group", "times"),
    [
        (signal.SIGINT, False, 1),
        (signal.SIGINT, True, 1),
        (signal.SIGINT, False, 2),
        (signal.SIGINT, True, 3),
        (signal.SIGTERM, False, 1),
        (signal.SIGTERM, True, 1),
        (signal.SIGHUP, True, 1),
    ],
)
def test_a_signal_while_landmarks_are_found_ends_the_command_and_keeps_what_was_found(command, number, group, times):
    running = command(*SEEING)
    running.wait_for("look", 20)
    for _ in range(times):
        if running.process.poll() is None:
            running.send(number, group)
    running.check(number)
    looked = running.count("look")
    again = command(*SEEING)
    assert again.process.wait(90) == 0
    assert looked + again.count("look") <= 60 + 2 + 2 * 0.25 / 0.05  # two in the making, and what was not handed over


def test_a_signal_while_workers_start_ends_them_without_a_word(command):
    running = command(*SEEING, SIGNAL_IMPORT="30")
    running.wait_for("importing")
    running.send(signal.SIGINT, group=True)
    running.check(signal.SIGINT)


def test_a_worker_that_hangs_in_one_image_does_not_hold_up_the_end(command):
    running = command(*SEEING, SIGNAL_SECONDS="1000")
    running.wait_for("look", 2)
    running.send(signal.SIGINT)
    running.send(signal.SIGINT)
    running.check(signal.SIGINT)


@pytest.mark.parametrize("estimator", ["deep", "deaf"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_estimator_that_heeds_nothing_is_ended_all_the_same(command, estimator, number):
    running = command("eval", estimator, "--dataset", "synthetic", "-d", "identities=1")
    running.wait_for("look")
    running.send(number)
    running.check(number)


def test_no_file_in_the_shared_folder_for_temporary_files_is_needed(command, tmp_path):
    running = command(*SEEING, SIGNAL_SECONDS="0", TMPDIR=str(tmp_path / "nowhere"))
    assert running.process.wait(90) == 0, running.process.communicate()


def run(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )


START = """
    import os, signal, sys, time
    from pathlib import Path
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from hpe_bench import interrupts
"""


def test_an_interrupt_that_was_an_order_is_forgiven_and_the_next_one_ends(tmp_path):
    done = run(
        START
        + """
    with interrupts.heeded():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            interrupts.forgive()
        time.sleep(1.5)
        print("heard", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    """
    )
    assert done.returncode == 130 and done.stderr.splitlines()[0] == "heard" and len(done.stderr.splitlines()) == 2


def test_an_ignored_signal_stays_ignored_as_under_nohup():
    done = run(
        START
        + """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts.heeded():
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.2)
    """
    )
    assert done.returncode == 0 and done.stderr == ""


def test_what_was_being_written_is_removed_and_whatever_the_way_out_says_is_not_heard(tmp_path):
    done = run(
        START
        + f"""
    here = Path({str(tmp_path)!r})
    with interrupts.heeded():
        with interrupts.removed(here / "half"):
            (here / "half").write_text("half")
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
            finally:
                print("a complaint", file=sys.stderr, flush=True)
                try:
                    raise OSError
                except OSError:
                    time.sleep(30)
    """
    )
    assert done.returncode == 143 and len(done.stderr.splitlines()) == 1 and "complaint" not in done.stderr
    assert list(tmp_path.glob("half")) == []


def test_a_forked_process_leaves_the_signals_to_its_parent():
    done = run(
        START
        + """
    with interrupts.heeded():
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        time.sleep(1.5)
    """
    )
    assert done.returncode == 0 and done.stderr == ""


def test_a_module_that_is_being_imported_is_spared_the_error(tmp_path):
    """Native ones may not bear it, and others may take it for a missing package."""
    (tmp_path / "touchy.py").write_text(
        "import os, signal, time\nfrom pathlib import Path\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(10)\n"
        "except BaseException:\n    (Path(__file__).parent / 'caught').touch()\n"
    )
    done = run(
        START
        + f"""
    with interrupts.heeded():
        sys.path.insert(0, {str(tmp_path)!r})
        import touchy
    """
    )
    assert done.returncode == 143 and len(done.stderr.splitlines()) == 1 and not (tmp_path / "caught").exists()
