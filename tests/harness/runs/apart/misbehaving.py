"""A plugin for the tests of estimators in processes of their own: whatever an estimator may do to its process."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np

from hpe_bench import Estimator, MissingError, Prediction, hookimpl


class Alarming(BaseException):
    """No Exception."""


class NoWords:
    """It cannot be shown either."""

    def __repr__(self):
        throw(ValueError)


class Unspeakable(Exception):
    """It cannot be shown."""

    def __str__(self):
        sys.exit(0)


def throw(error):
    raise error


def leave_a_child_that_holds_everything():
    if os.fork() == 0:
        time.sleep(600)
    os._exit(5)


def take_all_memory():
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    np.ones(2**40)


def leave_a_thread():
    threading.Thread(target=time.sleep, args=(600,)).start()


def leave_a_session():
    subprocess.Popen(["sleep", "600"], start_new_session=True)


def leave_shared_memory():
    from multiprocessing import shared_memory

    with open("shared", "w") as file:
        file.write(shared_memory.SharedMemory(create=True, size=1000).name)


def crash():
    print("about to go", file=sys.stderr)
    ctypes.string_at(0)


def close_everything():
    os.closerange(3, 256)
    time.sleep(600)


def kill_with_children():
    subprocess.Popen(["sleep", "600"])
    os.kill(os.getpid(), signal.SIGKILL)


#: What is done in predict, before it answers.
DEEDS = {
    "exit": lambda: sys.exit(0),
    "exit-3": lambda: sys.exit(3),
    "exit-words": lambda: sys.exit("bye"),
    "exit-unspeakable": lambda: sys.exit(NoWords()),
    "base": lambda: throw(Alarming("x")),
    "interrupt": lambda: throw(KeyboardInterrupt()),
    "memory": lambda: throw(MemoryError()),
    "limit": take_all_memory,
    "unspeakable": lambda: throw(Unspeakable()),
    "escapes": lambda: throw(ValueError("\x1b[2J\x1b]0;pwn\x07 \u202eevil\nsecond")),
    "missing": lambda: throw(MissingError("fetch it first")),
    "os-exit": lambda: os._exit(0),
    "crash": crash,
    "killed": kill_with_children,
    "terminated": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "aborted": os.abort,
    "forked": leave_a_child_that_holds_everything,
    "closed": close_everything,
    "server-killed": lambda: (os.kill(os.getppid(), signal.SIGKILL), time.sleep(600)),
    "prints": lambda: (print("from print"), os.write(1, b"from os.write \x1b[2J\n")),
    "floods": lambda: print("flood\n" * 100_000),
    "thread": leave_a_thread,
    "session": leave_a_session,
    "memory-left": leave_shared_memory,
}
#: What it answers, of as many unit matrices.
ANSWERS = {
    "complex": lambda unit: unit.astype(complex),
    "object": lambda unit: unit.astype(object),
    "half-float": lambda unit: unit.astype(np.float16),
    "half-nan": lambda unit: unit * np.where(np.arange(len(unit)) % 2, 1, np.nan)[:, None, None],
    "half-masked": lambda unit: np.ma.masked_array(unit, np.arange(unit.size).reshape(unit.shape) % 18 == 0),
    "huge": lambda unit: 1e300 * unit,
    "none": lambda unit: None,
    "ragged": lambda unit: [unit[0], [1, 2]],
    "mirrored": lambda unit: -unit,
    "larger": lambda unit: 1.1 * unit,
    "confidence-shape": lambda unit: Prediction(unit, np.ones(3)),
    "confidence-text": lambda unit: Prediction(unit, ["sure"] * len(unit)),
    "confidence-one": lambda unit: Prediction(unit, 0.5),
}


def unit(batch):
    return np.tile(np.eye(3), (len(batch), 1, 1))


def estimator_that(name):
    class Misbehaving(Estimator):
        def predict(self, batch):
            DEEDS.get(name, lambda: None)()
            return ANSWERS.get(name, lambda unit: unit)(unit(batch))

    return Misbehaving


class ExitsAtLoad(Estimator):
    """Ends before it is asked."""

    def load(self, weights, device):
        sys.exit(0)


class ExitsWhenMade(Estimator):
    """Ends before it is loaded."""

    def __init__(self, options=None):
        sys.exit(0)


class RaisesWhenMade(Estimator):
    """Fails before it is loaded."""

    def __init__(self, options=None):
        raise ValueError("not made")


class EndsWhenLookedFor(Estimator):
    """Ends the process that it is looked for in."""

    def find_weights(self, folder):
        os._exit(0)


class CountsTooFew(Estimator):
    """What it learned is less than nothing."""

    def parameters(self):
        return -5


class Leaver(Estimator):
    """Leaves everything in another state than it was in."""

    def predict(self, batch):
        assert batch.seeds.any(), "what was written to the last batch is in this one"
        batch.seeds[:] = 0
        os.chdir("/")
        os.umask(0o777)
        os.environ["LEFT"] = "behind"
        random.seed(0)
        np.random.seed(0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        np.seterr(all="raise")
        sys.path.insert(0, "/left-behind")
        return unit(batch)


class Witness(Estimator):
    """Fails where it sees anything of what Leaver left."""

    def predict(self, batch):
        left = [
            os.getcwd() == "/",
            "LEFT" in os.environ,
            sys.path[0] == "/left-behind",
            np.random.random() == np.random.RandomState(0).random(),
            signal.getsignal(signal.SIGTERM) == signal.SIG_IGN,
            np.geterr()["under"] == "raise",
            not batch.seeds.all(),
        ]
        mask = os.umask(0)
        os.umask(mask)
        assert not any(left) and mask != 0o777, (left, mask)
        return unit(batch)


class Waits(Estimator):
    """Says who it is, and never answers."""

    def predict(self, batch):
        with open(os.environ["WAITS_PID"], "w") as file:
            file.write(f"{os.getpid()} {os.getppid()}")
        ctypes.PyDLL(None).sleep(600)  # keeping Python to itself: no thread of its process can do anything


@hookimpl
def register_estimators(register):
    for name in [*DEEDS, *ANSWERS]:
        register(name, estimator_that(name))
    made = type("MadeHere", (Estimator,), {"predict": lambda self, batch: unit(batch)})
    register("madehere", made)
    for kind in (RaisesWhenMade, EndsWhenLookedFor, CountsTooFew):
        register(kind.__name__.lower(), kind)
    for kind in (ExitsAtLoad, ExitsWhenMade, Leaver, Witness, Waits):
        register(kind.__name__.lower(), kind)
