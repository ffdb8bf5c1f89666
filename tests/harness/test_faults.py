"""What a plugin raises beside an Exception is its own failure, wherever it is called; the user's interrupt is not."""

from __future__ import annotations

import json
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import hpe_bench
from hpe_bench import Estimator, Nothing
from hpe_bench.errors import RunFailed
from hpe_bench.faults import error_in_words, exits_of_plugins, faults_of
from hpe_bench.inference.estimating import Asker, find_rule


class Alarming(BaseException):
    """No Exception."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SystemExit(0), r"SystemExit: it called sys.exit\(0\)"),
        (SystemExit(), r"it called sys.exit\(None\)"),
        (KeyboardInterrupt(), "it raised KeyboardInterrupt"),
        (Alarming("x\x1b[2J\ny"), r"Alarming: x\\x1b\[2J y"),
    ],
)
def test_what_is_no_exception_is_a_failed_run_that_names_whose(error, said):
    with pytest.raises(RunFailed, match=f"^mine failed: .*{said}$") as caught, faults_of("mine"):
        raise error
    assert caught.value.__cause__ is error


def test_exceptions_pass_as_they_are():
    with pytest.raises(ValueError, match="as it is"), faults_of("mine"):
        raise ValueError("as it is")


@pytest.mark.parametrize("guard", [lambda: faults_of("mine"), exits_of_plugins])
def test_an_interrupt_by_the_user_is_no_fault_of_a_plugin(guard):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), guard():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_one_that_came_earlier_is_no_excuse():
    with pytest.raises(KeyboardInterrupt), faults_of("mine"):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(RunFailed), faults_of("mine"):
        raise KeyboardInterrupt


def test_in_another_thread_no_interrupt_is_the_users():
    def go():
        with faults_of("mine"):
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as threads, pytest.raises(RunFailed):
        threads.submit(go).result()
    assert threading.current_thread() is threading.main_thread()


def test_a_handler_that_a_plugin_sets_is_gone_after_it():
    before = signal.getsignal(signal.SIGINT)
    with faults_of("mine"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_that_is_not_pythons_is_let_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(RunFailed), faults_of("mine"):
            raise KeyboardInterrupt
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_that_cannot_be_shown_is_shown_by_its_name():
    class Unspeakable(Exception):
        def __str__(self):
            raise SystemExit(0)

    assert error_in_words(Unspeakable()) == "it raised Unspeakable"


class Ending(Estimator):
    """Raises what it is told to."""

    inputs = Nothing()

    def __init__(self, error):
        super().__init__()
        self.error = error

    def predict(self, batch):
        raise self.error


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), Alarming("x")])
def test_predicting_on_pictures_is_a_failed_run(error):
    asker = Asker("ending", Ending(error), find_rule(Nothing(), None))
    with pytest.raises(RunFailed, match=r"^ending failed: "):
        asker._predict(None)


def test_an_estimator_that_ends_the_program_while_it_is_opened_is_a_failed_run(tmp_path):
    plugin = tmp_path / "ending.py"
    plugin.write_text(
        "import sys\nfrom hpe_bench import Estimator, hookimpl\n"
        "class Ending(Estimator):\n    def load(self, weights, device):\n        sys.exit(0)\n"
        "@hookimpl\ndef register_estimators(register):\n    register('ending', Ending)\n"
    )
    with pytest.raises(RunFailed, match=r"^ending failed: SystemExit: it called sys.exit\(0\)"):
        hpe_bench.open_estimator("ending", plugins=[plugin])


TRAINS = """
import sys
from hpe_bench import Estimator, Options, Preset, hookimpl
class Alarming(BaseException): pass
class Trains(Estimator):
    class TrainingOptions(Options):
        pass
    presets = {{"quick": Preset("", datasets=("synthetic",))}}
    @classmethod
    def train(cls, training):
        {body}
@hookimpl
def register_estimators(register):
    register("trains", Trains)
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(0)", r"it called sys.exit\(0\)"),
        ("raise KeyboardInterrupt", "it raised KeyboardInterrupt"),
        ("raise Alarming('x')", "Alarming: x"),
        ("raise ValueError('x')", "ValueError: x"),
    ],
)
def test_a_training_that_ends_the_program_is_a_failed_run_with_a_record(hpe_bench, tmp_path, body, said):
    (tmp_path / "trains.py").write_text(TRAINS.format(body=body))
    done = hpe_bench("train", "trains", "--plugin", "trains.py", "--json")
    assert done.returncode == 4 and not done.stdout
    (line,) = done.stderr.splitlines()
    (record,) = tmp_path.rglob("*.failed.json")
    assert re.search(said, line) and str(record.relative_to(tmp_path)) in line
    assert "in train" in json.loads(record.read_text())["traceback"]


OTHERS = """
import atexit
import os
import signal
import sys
import time
import numpy as np
from hpe_bench import Dataset, Extractor, Landmarks, Estimator, Sample, hookimpl, pose

def end(where):
    if where == "{where}":
        sys.exit(0)
    if where + " prints" == "{where}":
        print("not the result")
        os.write(1, b"nor this\\n")
    if where + " fails" == "{where}":
        raise ValueError("as plugins do")
    if where + " leaves" == "{where}":
        os._exit(0)
    if where + " goes" == "{where}":
        os.chdir("/")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if where + " waits at the end" == "{where}":
        atexit.register(time.sleep, 600)
    return "{where}" == where + " spoils"

end("import")

class Heads(Dataset):
    def __init__(self, root, options=None):
        end("opening")
        super().__init__(root, options)
    def ids(self):
        end("ids")
        return [f"head{{index}}" for index in range(9)]
    def sample(self, id):
        end("sample")
        return Sample(id=id, rotation=np.eye(3), image=np.zeros((8, 8, 3), np.uint8))

class Finds(Extractor):
    identity = "finds"
    def __init__(self):
        end("extractor made")
    def open(self):
        end("extractor opened")
    def find(self, image):
        end("extractor")
        return np.zeros((468, 3))

class Marks(Estimator):
    inputs = Landmarks(crop="whole", extractor="finds")
    def predict(self, batch):
        return np.tile(np.eye(3), (len(batch), 1, 1))

@hookimpl
def register_datasets(register):
    register("heads", Heads)

@hookimpl
def register_extractors(register):
    register("finds", Finds)

@hookimpl
def register_estimators(register):
    end("registering")
    register("marks", Marks)

@hookimpl
def register_metrics(register):
    def metric(truth, prediction):
        if end("metric"):
            truth[:] = prediction[:] = 0
        return np.zeros(len(truth))
    register("mine", metric)

@hookimpl
def run_started(manifest, total):
    if end("observer"):
        manifest.clear()

@hookimpl
def run_finished(manifest, path):
    end("late observer")
"""


@pytest.mark.parametrize(
    ("where", "said", "code"),
    [
        ("import", "plugin others .*set aside: SystemExit", 2),
        ("registering", "plugin others .*set aside: SystemExit", 2),
        ("opening", "dataset heads .*others.py", 4),
        ("ids", "dataset heads .*others.py", 4),
        ("sample", "dataset heads .*others.py", 4),
        ("extractor made", "marks failed", 4),
        ("extractor opened", "the extractor finds|worker", 4),
        ("extractor", "the extractor finds|worker", 4),
    ],
)
def test_data_and_landmarks_that_end_the_program_are_an_error_that_names_them(hpe_bench, tmp_path, where, said, code):
    (tmp_path / "others.py").write_text(OTHERS.format(where=where))
    done = hpe_bench("eval", "marks", "--dataset", "heads", "--plugin", "others.py", "--workers", "1")
    assert done.returncode == code and not done.stdout
    assert re.search(said, done.stderr) and re.search("(exit|Exit).*0", done.stderr) and "Traceback" not in done.stderr


@pytest.mark.parametrize("where", ["import", "registering", "opening", "ids", "sample", "observer", "metric"])
def test_what_a_plugin_prints_is_never_in_the_json(hpe_bench, tmp_path, where):
    (tmp_path / "others.py").write_text(OTHERS.format(where=f"{where} prints"))
    done = hpe_bench("eval", "zero", "--dataset", "heads", "--plugin", "others.py", "--json")
    assert done.returncode == 0 and len(json.loads(done.stdout)) == 1
    assert "not the result\n" in done.stderr and "nor this\n" in done.stderr


@pytest.mark.parametrize("where", ["opening", "ids", "sample"])
@pytest.mark.parametrize(("deed", "said"), [("fails", "ValueError: as plugins do .*line"), ("leaves", "os._exit.0.")])
def test_an_exception_and_a_sudden_end_of_a_dataset_are_one_line(hpe_bench, tmp_path, where, deed, said):
    (tmp_path / "others.py").write_text(OTHERS.format(where=f"{where} {deed}"))
    done = hpe_bench("eval", "zero", "--dataset", "heads", "--plugin", "others.py")
    assert done.returncode == 4 and not done.stdout and len(done.stderr.splitlines()) == 1
    assert re.search(f"Error: dataset heads .*others.py. failed: .*{said}", done.stderr)


@pytest.mark.parametrize("where", ["import", "opening", "sample", "observer", "late observer"])
def test_a_plugin_that_changes_the_folder_moves_no_run(hpe_bench, tmp_path, where):
    (tmp_path / "others.py").write_text(OTHERS.format(where=f"{where} goes"))
    assert hpe_bench("eval", "zero", "--dataset", "heads", "--plugin", "others.py").returncode == 0
    assert [*(tmp_path / "results" / "heads").rglob("zero-*.h5")]


NAMED = """
import numpy as np
from hpe_bench import Dataset, Sample, hookimpl

class Heads(Dataset):
    def ids(self):
        return ["first", {id!r}]
    def sample(self, id):
        return Sample(id=id, rotation=np.eye(3), person="" if id == "first" else {person!r})
    def notes(self):
        return ["a note\\nin \\x1b[31mtwo lines"]

@hookimpl
def register_datasets(register):
    register("heads", Heads)
"""


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "a\x1b[31m", "x" * 5000, "\udcff"])
@pytest.mark.parametrize("of", ["id", "person"])
def test_a_name_that_no_run_could_hold_is_a_bad_sample(hpe_bench, tmp_path, of, name):
    (tmp_path / "named.py").write_text(NAMED.format(**{"id": "second", "person": "p", of: name}))
    done = hpe_bench("eval", "zero", "--dataset", "heads", "--plugin", "named.py")
    assert done.returncode == 3 and "--skip-bad" in done.stderr and "Traceback" not in done.stderr
    command = ["eval", "zero", "--dataset", "heads", "--plugin", "named.py", "--skip-bad"]
    assert hpe_bench(*command).returncode == 0
    assert "1 stored runs used again" in hpe_bench(*command).stdout


@pytest.mark.parametrize("where", ["observer", "metric"])
def test_what_is_written_to_what_a_plugin_is_given_reaches_nobody(hpe_bench, tmp_path, where):
    (tmp_path / "others.py").write_text(OTHERS.format(where=f"{where} spoils"))
    done = hpe_bench("eval", "oracle", "zero", "--dataset", "heads", "--plugin", "others.py", "--json")
    assert done.returncode == 0 and [row["ge"]["mean"] for row in json.loads(done.stdout)] == [0, 0]
    assert hpe_bench("compare", "--json", "--plugin", "others.py").returncode == 0


def test_an_exit_handler_that_does_not_end_is_not_waited_for(hpe_bench, tmp_path):
    (tmp_path / "others.py").write_text(OTHERS.format(where="import waits at the end"))
    assert hpe_bench("list", "datasets", "--plugin", "others.py").returncode == 0


@pytest.mark.parametrize("where", ["observer", "late observer", "metric"])
def test_observers_and_metrics_that_end_the_program_cost_nobody_a_table(hpe_bench, tmp_path, where):
    (tmp_path / "others.py").write_text(OTHERS.format(where=where))
    done = hpe_bench("eval", "zero", "--dataset", "heads", "--plugin", "others.py", "--json")
    (row,) = json.loads(done.stdout)
    assert done.returncode == 0 and row["n"] == 9
    assert "it called sys.exit(0)" in done.stderr + " ".join(row["notes"])


@pytest.mark.parametrize("command", [["verify", "heads"], ["doctor"]])
def test_no_other_command_ends_well_where_a_plugin_ends_it(hpe_bench, tmp_path, command):
    (tmp_path / "others.py").write_text(OTHERS.format(where="ids"))
    done = hpe_bench(*command, "--plugin", "others.py")
    assert done.returncode == 4 and re.search(r"Error: .*others.py failed: SystemExit: it called", done.stderr)
