"""Manifests that no run has: refused in a line, or shown, and never a traceback in what shows them."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hpe_bench.cli import cli
from hpe_bench.errors import DamagedError, HpeBenchError
from hpe_bench.runs.runfile import Run, open_run, write_run
from hpe_bench.storage import hdf5_bytes

GONE = object()
VALUES = (GONE, None, -1, 1e300, 2**63, "", "x\ny", "\x1b[2J", True, [], {}, [["a"]], {"a": 1})
COUNT = int(os.environ.get("HPE_BENCH_DAMAGES", "120")) // 6
REFERENCE = Path(__file__).parents[3] / "results" / "reference" / "aflw2000" / "nlml"


@pytest.fixture
def run(tmp_path):
    """A dozen samples of a run that came with the project, with all that a manifest holds."""
    whole = open_run(next(iter(sorted(REFERENCE.glob("nlml-*.h5")))))
    arrays = {field.name: getattr(whole, field.name)[:12] for field in dataclasses.fields(Run)[2:]}
    return Run(path=tmp_path / "x.h5", manifest=whole.manifest, **arrays)


def places(content, path=()):
    if path:
        yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from places(value, (*path, key))
    elif isinstance(content, list):
        for index, value in enumerate(content[:2]):
            yield from places(value, (*path, index))


def changed(manifest, path, value):
    made = copy.deepcopy(dict(manifest))
    place = made
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


def test_any_part_may_be_missing_or_of_another_kind(run):
    cases = [(path, value) for path in places(run.manifest) for value in VALUES]
    for number in np.random.default_rng(0).permutation(len(cases))[:COUNT]:
        write_run(dataclasses.replace(run, manifest=changed(run.manifest, *cases[number])))
        for command in (["show"], ["compare", "--json"], ["report", "--overwrite", "--output", "page.html"]):
            error = CliRunner().invoke(cli, [*command, str(run.path)], standalone_mode=False).exception
            assert error is None or (isinstance(error, HpeBenchError) and error.exit_code == 3), (cases[number], error)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seed": 0', '"seed": 1e999'),
        ('"seed": 0', '"seed": NaN'),
        ('"seed": 0', '"seed": 0, "seed": 1'),
        ('"seed": 0', '"seed": ' + "9" * 5000),
        ('"seed": 0', '"seed": 0, "x": "\\ud800"'),
        ('"seed": 0', '"seed": 0, "x": ' + "[" * 5000 + "]" * 5000),
        ('"device": "cpu"', '"device": "\\udcff"'),
    ],
)
def test_json_that_no_run_has_is_refused_in_a_line(run, old, new):
    text = json.dumps({**run.manifest, "seed": 0, "device": "cpu"})
    assert old in text
    write_run(run)

    def forge(file):
        with h5py.File(run.path) as made:
            for name in made:
                if name != "manifest":
                    made.copy(name, file)
        forged = text.replace(old, new).encode()
        file["manifest"] = np.bytes_(forged)
        file["manifest"].attrs["sha256"] = hashlib.sha256(forged).hexdigest()

    run.path.write_bytes(hdf5_bytes(forge))
    with pytest.raises(DamagedError, match=str(run.path)) as error:
        open_run(run.path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "shape", "kind"), [("samples/id", (2**25,), "S1"), ("manifest", (), "S4000000000")])
def test_a_claim_of_gigabytes_or_millions_of_samples_is_refused_unread(run, name, shape, kind):
    write_run(run)
    with h5py.File(run.path, "r+") as file:
        del file[name]
        chunks = (2**20,) if shape else None
        file.create_dataset(name, shape, kind, chunks=chunks, compression="gzip" if shape else None)
    with pytest.raises(DamagedError, match=r"claims|would take"):
        open_run(run.path)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    for path in ("/dev/zero", tmp_path / "pipe.h5", tmp_path):
        result = CliRunner().invoke(cli, ["show", str(path)], standalone_mode=False)
        assert isinstance(result.exception, HpeBenchError) and result.exception.exit_code == 3
