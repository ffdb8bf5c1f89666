"""An estimator in a process of its own answers to the last bit what it would answer here, and is found anew there."""

from __future__ import annotations

import os
import signal
import socket
import textwrap

import numpy as np
import pytest

from hpe_bench import Batch, Estimator, pose
from hpe_bench.errors import RunFailed
from hpe_bench.plugins import Plugin, discover
from hpe_bench.runs.apart import opening, wire
from hpe_bench.runs.apart.child import packed_batch, unpacked_batch
from hpe_bench.runs.apart.processes import Processes
from hpe_bench.runs.evaluate import Request, evaluate_all, plan_requested
from hpe_bench.runs.execute import predict
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.selection import find_protocol, open_dataset, select
from hpe_bench.settings import resolve_folders

PIXELS = """
import numpy as np
from hpe_bench import Estimator, Images, Options, hookimpl, pose

class Pixels(Estimator):
    '''Angles of the mean colours of a crop, and of an option.'''

    class Options(Options):
        turn: float = 0.1

    inputs = Images(size={size})

    def predict(self, batch):
        means = np.array([np.float64(image).mean(axis=(0, 1)) + len(image) / 7 for image in batch.images])
        return pose.rotation_from_euler(means * self.options.turn)

@hookimpl
def register_estimators(register):
    register("pixels", Pixels)
"""


def job_of(registry, name, **more):
    folders = resolve_folders()
    request = Request((name,), **{"dataset": "synthetic", "limit": 150, **more})
    protocol = find_protocol(registry, request.dataset, None)
    dataset = open_dataset(registry, protocol.dataset, folders, None, {})
    selected = select(protocol.dataset, dataset, protocol, limit=request.limit)
    name, *pairs = name.split(":")
    options = dict(pair.split("=") for pair in pairs)
    return plan_requested(request, registry, folders, selected, name, options)


def here_and_apart(registry, job, monkeypatch):
    with Processes() as processes:
        apart = predict(job, registry, resolve_folders(), processes=processes)
    with monkeypatch.context() as patched:
        patched.setattr(opening, "_found_anew", lambda *more: False)
        here = predict(job, registry, resolve_folders())
    return here, apart


@pytest.mark.parametrize("name", ["zero", "random", "procrustes", "procrustes:weights=uniform", "nlml", "nlml-tensor"])
def test_bundled_estimators_answer_the_same_to_the_last_bit(name, monkeypatch):
    if name.startswith("nlml"):
        pytest.importorskip("torch").set_num_threads(1)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
    registry = discover(environ={})
    here, apart = here_and_apart(registry, job_of(registry, name), monkeypatch)
    assert np.isfinite(here).all()
    np.testing.assert_array_equal(here, apart)


@pytest.mark.parametrize("size", ["(40, 30)", "None"])
def test_images_arrive_as_they_were_sent_whether_of_one_size_or_not(aflw2000, tmp_path, monkeypatch, size):
    aflw2000(np.random.default_rng(3).uniform(-40, 40, (9, 3)))
    plugin = tmp_path / "pixels.py"
    plugin.write_text(textwrap.dedent(PIXELS.format(size=size)))
    registry = discover([plugin], environ={})
    job = job_of(registry, "pixels:turn=0.3", dataset="aflw2000")
    here, apart = here_and_apart(registry, job, monkeypatch)
    assert np.isfinite(here).all() and len(np.unique(here[:, 0, 0])) == 9
    np.testing.assert_array_equal(here, apart)


@pytest.mark.parametrize(
    "batch",
    [
        Batch(seeds=np.arange(3, dtype=np.uint64)),
        Batch(seeds=np.arange(2, dtype=np.uint64), images=np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)),
        Batch(seeds=np.arange(2, dtype=np.uint64), images=[np.ones((4, 5, 3), np.uint8), np.ones((0, 2, 3), np.uint8)]),
        Batch(seeds=np.arange(1, dtype=np.uint64), landmarks=np.full((1, 468, 3), np.nan)),
        Batch(seeds=np.zeros(0, dtype=np.uint64), images=[]),
    ],
)
def test_a_batch_goes_through_the_wire_whole(batch):
    stream = bytearray()
    wire.send(lambda piece: stream.extend(piece), *packed_batch(batch))
    got = unpacked_batch(*wire.receive(reader(stream), "uf", 10**6))
    np.testing.assert_equal(vars(got), vars(batch))
    got.seeds[:] = 7  # its own


@pytest.mark.parametrize(
    "stream",
    [b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}", b"\x04" + b"\0" * 7 + b"null", b"\x03" + b"\0" * 7 + b"\xff\xff\xff"],
)
def test_what_is_no_message_is_refused(stream):
    with pytest.raises((ValueError, EOFError)):
        wire.receive(reader(stream), "f", 10**6)


def test_a_message_that_claims_more_than_may_come_is_refused_before_it_is_read():
    stream = bytearray()
    wire.send(lambda piece: stream.extend(piece), {}, [np.zeros(1000)])
    with pytest.raises(ValueError, match="too large"):
        wire.receive(reader(stream), "f", 7999)
    with pytest.raises(ValueError, match="another kind"):
        wire.receive(reader(stream), "u", 8000)


def reader(stream):
    left = memoryview(bytes(stream))

    def fill(buffer):
        nonlocal left
        if len(left) < len(buffer):
            raise EOFError
        buffer[:], left = left[: len(buffer)], left[len(buffer) :]

    return fill


class Counting(Estimator):
    """Known to this process alone."""

    asked = 0

    def predict(self, batch):
        type(self).asked += 1
        return pose.rotation_about("y", np.arange(float(len(batch))))


class Ending(Estimator):
    """Ends the program."""

    def predict(self, batch):
        raise SystemExit(0)


def test_an_estimator_that_is_only_in_memory_is_asked_here(tmp_path):
    registry = discover(environ={})

    class Own:
        from hpe_bench import hookimpl

        @hookimpl
        def register_estimators(self, register):
            register("counting", Counting)
            register("ending", Ending)

    registry.add(Plugin(name="own", distribution="notebook", version="", origin="file", where="<notebook>"), Own)
    request = Request(("counting", "ending", "zero"), dataset="synthetic", limit=10)
    counting, ending, zero = evaluate_all(request, registry, resolve_folders(), Progress(quiet=True))
    assert Counting.asked == 1 and counting.run is not None and zero.run is not None
    assert isinstance(ending.error, RunFailed) and "it called sys.exit(0)" in str(ending.error)


def test_where_the_server_was_killed_another_one_is_started():
    registry = discover(environ={})
    job = job_of(registry, "zero")
    with Processes() as processes:
        predict(job, registry, resolve_folders(), processes=processes)
        os.kill(processes._server.pid, signal.SIGKILL)
        processes._server.wait()
        assert np.isfinite(predict(job, registry, resolve_folders(), processes=processes)).all()


def test_a_process_that_is_not_used_costs_no_wait_and_is_gone_with_its_block():
    with Processes() as processes:
        processes.warm_up()
        server = processes._server
    assert server.returncode is not None


def test_no_descriptor_is_left_open():
    registry = discover(environ={})
    job = job_of(registry, "zero")
    predict(job, registry, resolve_folders())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        predict(job, registry, resolve_folders())
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_message_at_all_is_the_end():
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(EOFError):
        wire.receive(lambda buffer: _read(ours, buffer), "f", 8)


def _read(channel, buffer):
    if not channel.recv_into(buffer):
        raise EOFError
