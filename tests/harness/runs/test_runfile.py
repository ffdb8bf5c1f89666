"""The run file: what is stored comes back, and nothing is believed that is not what it should be."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpe_bench.errors import DataError, StorageError
from hpe_bench.pose import euler_from_rotation
from hpe_bench.runs.runfile import Run, open_run, write_run


@pytest.fixture
def run(tmp_path, rotations, manifest):
    truth = rotations(6)
    prediction = rotations(7)[1:].copy()
    prediction[2] = np.nan
    return Run(
        path=tmp_path / "deep" / "er" / "x.h5",
        manifest=manifest(),
        ids=np.array(["a", "bb", "été", "d/1", "e", "f"]),
        person=np.array(["p", "p", "q", "q", "", ""]),
        sequence=np.array([""] * 6),
        truth=truth,
        euler=euler_from_rotation(truth),
        prediction=prediction,
        confidence=np.full(6, np.nan),
        seconds=np.ones((6, 3)),
    )


def test_a_run_comes_back_as_it_was_stored(run):
    write_run(run)
    again = open_run(run.path)
    assert again.manifest == run.manifest
    for field in dataclasses.fields(Run)[2:]:
        np.testing.assert_array_equal(getattr(again, field.name), getattr(run, field.name))
    assert again.found.tolist() == [True, True, False, True, True, True]


def test_the_layout_is_the_one_that_is_documented(run):
    write_run(run)
    with h5py.File(run.path) as file:
        assert json.loads(file["manifest"][()])["label"] == "x"
        assert file["samples/id"][2].decode() == "été"
        for name in (
            "truth/rotation",
            "truth/euler",
            "prediction/rotation",
            "prediction/seconds/network",
            "samples/id",
        ):
            assert file[name].fletcher32 and file[name].compression == "gzip" and file[name].chunks


def test_nothing_but_the_run_is_left_in_the_folder(run):
    write_run(run)
    assert [path.name for path in run.path.parent.iterdir()] == ["x.h5"]


def test_every_flipped_byte_is_noticed_or_harmless(run):
    write_run(run)
    whole = run.path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        run.path.write_bytes(damaged)
        try:
            found = open_run(run.path)
        except DataError as error:
            assert str(run.path) in str(error)
        else:
            np.testing.assert_array_equal(found.prediction, run.prediction)
            np.testing.assert_array_equal(found.truth, run.truth)
            assert found.manifest == run.manifest


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_a_data_error_that_names_it(run, share):
    write_run(run)
    run.path.write_bytes(run.path.read_bytes()[: int(share * run.path.stat().st_size)])
    with pytest.raises(DataError, match=r"x\.h5: damaged, or not a run file"):
        open_run(run.path)


def test_links_and_storage_outside_the_file_are_refused(run, tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["rotation"] = np.zeros((6, 3, 3))
    (tmp_path / "raw").write_bytes(bytes(6 * 72))

    def external_link(file: h5py.File) -> None:
        file["prediction/rotation"] = h5py.ExternalLink(str(secret), "rotation")

    def soft_link(file: h5py.File) -> None:
        file["prediction/rotation"] = h5py.SoftLink("/truth/rotation")

    def external_storage(file: h5py.File) -> None:
        file.create_dataset("prediction/rotation", (6, 3, 3), "f8", external=[(str(tmp_path / "raw"), 0, 6 * 72)])

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((6, 3, 3), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "rotation", (6, 3, 3))
        file.create_virtual_dataset("prediction/rotation", layout)

    for trick in (external_link, soft_link, external_storage, virtual):
        write_run(run)
        with h5py.File(run.path, "r+") as file:
            del file["prediction/rotation"]
            trick(file)
        with pytest.raises(DataError, match="prediction/rotation is"):
            open_run(run.path)


def test_a_dataset_that_claims_to_be_huge_is_not_read(run):
    write_run(run)
    with h5py.File(run.path, "r+") as file:
        del file["samples/id"]
        file.create_dataset("samples/id", (10**12,), "S8", chunks=(1000,))
    with pytest.raises(DataError, match="at most"):
        open_run(run.path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("truth/rotation", np.zeros((6, 3, 3)), "not a rotation"),
        ("prediction/rotation", -np.broadcast_to(np.eye(3), (6, 3, 3)), "not a rotation"),
        ("truth/euler", np.full((6, 3), np.nan), "not finite"),
        ("truth/euler", np.zeros((5, 3)), "shape"),
        ("truth/euler", np.zeros((6, 3), dtype=complex), "holds complex128"),
        ("samples/person", np.array([b"a"] * 4), "one entry a sample"),
    ],
)
def test_content_that_no_run_can_hold_is_refused(run, name, value, message):
    write_run(run)
    with h5py.File(run.path, "r+") as file:
        del file[name]
        file[name] = value
    with pytest.raises(DataError, match=message):
        open_run(run.path)


def test_a_manifest_that_was_changed_does_not_match_its_checksum(run):
    write_run(run)
    with h5py.File(run.path, "r+") as file:
        attributes = dict(file["manifest"].attrs)
        text = file["manifest"][()].replace(b'"label": "x"', b'"label": "y"')
        del file["manifest"]
        file["manifest"] = np.bytes_(text)
        file["manifest"].attrs.update(attributes)
    with pytest.raises(DataError, match="checksum"):
        open_run(run.path)


def test_a_folder_that_cannot_be_made_is_a_clear_error(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        write_run(dataclasses.replace(run, path=tmp_path / "file" / "x.h5"))


def test_a_full_disk_is_a_clear_error_and_leaves_the_old_run(run, monkeypatch):
    write_run(run)
    before = run.path.read_bytes()
    import errno
    import os

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_run(run)
    assert run.path.read_bytes() == before
    assert [path.name for path in Path(run.path.parent).iterdir()] == ["x.h5"]


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": {}},
        {"dataset": "x"},
        {"dataset__limit": "many"},
        {"protocol__expected": "1969"},
        {"status": "failed"},
        {"label": "\x1b]0;a title\x07"},
        {"label": "x" * 5000},
        {"options": None},
        {"dataset__skipped": [{"id": 3}]},
    ],
)
def test_a_manifest_that_no_run_has_is_refused_in_one_line(run, manifest, change):
    write_run(dataclasses.replace(run, manifest=manifest(**change)))
    with pytest.raises(DataError, match=r"x\.h5: the manifest's") as error:
        open_run(run.path)
    assert "\n" not in str(error.value)


def test_a_number_that_is_none_is_refused(run):
    write_run(run)
    import hashlib

    with h5py.File(run.path, "r+") as file:
        text = file["manifest"][()].replace(b'"seconds": 1.0', b'"seconds": NaN')
        del file["manifest"]
        file["manifest"] = np.bytes_(text)
        file["manifest"].attrs["sha256"] = hashlib.sha256(text).hexdigest()
    with pytest.raises(DataError, match="NaN"):
        open_run(run.path)


@pytest.mark.parametrize("column", ["ids", "person", "sequence"])
def test_a_name_with_what_moves_a_terminals_cursor_is_refused(run, column):
    names = getattr(run, column).astype("U9")
    names[1] = "\x1b[2Jx"
    write_run(dataclasses.replace(run, **{column: names}))
    with pytest.raises(DataError, match=r"x\.h5: .*control characters"):
        open_run(run.path)


def test_an_angle_beyond_a_full_turn_is_refused(run):
    euler = run.euler.copy()
    euler[0, 0] = 361
    write_run(dataclasses.replace(run, euler=euler))
    with pytest.raises(DataError, match="beyond 360"):
        open_run(run.path)
