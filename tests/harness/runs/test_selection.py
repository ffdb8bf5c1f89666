"""Which samples a run is over, of a dataset as it lies on this disk."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from hpe_bench import Dataset, MissingError, Protocol, Sample, SampleError, Selection, UsageError, pose
from hpe_bench.crops import FACE_BOX, FSANET_POINTS, WHOLE
from hpe_bench.errors import PluginError
from hpe_bench.plugins import discover
from hpe_bench.runs.selection import (
    find_protocol,
    fingerprint,
    open_dataset,
    protocols_of,
    select,
    unreadable_images,
)
from hpe_bench.settings import resolve_folders

EVERYTHING = Protocol("grid/all", "grid", "every sample")


class Grid(Dataset):
    """Heads that look 0, 1, 2, ... degrees to the side."""

    count = 10
    step = 1.0

    def ids(self):
        return [f"{place:02d}" for place in range(self.count)]

    def sample(self, id):
        euler = [int(id) * self.step, 0, 0]
        return Sample(id, pose.rotation_from_euler(euler), euler, person=f"p{int(id) % 2}")


class Reversed(Grid):
    def ids(self):
        return super().ids()[::-1]


class Pictures(Grid):
    """Heads with images in the folder, of which some are not there."""

    crops: ClassVar = {"whole": WHOLE, "fsanet": FSANET_POINTS, "face": FACE_BOX}
    count = 4

    def sample(self, id):
        points = None if id == "03" else np.array([[2.0, 6.0], [2.0, 6.0]]) + (100 if id == "02" else 0)
        return replace(super().sample(id), image=self.root / f"{id}.png", points=points)


def grid(kind=Grid, **changes):
    dataset = kind(Path("nowhere"))
    for name, value in changes.items():
        setattr(dataset, name, value)
    return dataset


def chosen(limit, count=10):
    return list(select("grid", grid(count=count), EVERYTHING, limit=limit).labels.ids)


# Some of the samples


def test_a_limit_takes_samples_evenly_spread_from_the_first_to_the_last():
    assert chosen(4) == ["00", "03", "06", "09"]
    assert chosen(3, count=21) == ["00", "10", "20"] and chosen(2) == ["00", "09"] and chosen(1) == ["00"]


def test_a_limit_is_spread_over_what_the_protocol_selects():
    protocol = Protocol("grid/some", "grid", "some", Selection(yaw=(4, 8)))
    found = select("grid", grid(), protocol, limit=3)
    assert found.labels.ids == ("04", "06", "08") and (found.n_protocol, found.limit) == (5, 3)


@pytest.mark.parametrize("limit", [10, 11, 5000])
def test_a_limit_that_leaves_nothing_out_is_no_limit(limit):
    found = select("grid", grid(), EVERYTHING, limit=limit)
    assert found.limit is None and len(found.labels) == found.n_protocol == 10


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_no_samples_is_refused(limit):
    with pytest.raises(UsageError, match=f"--limit {limit}: at least 1 sample"):
        select("grid", grid(), EVERYTHING, limit=limit)


def test_a_selection_keeps_the_order_of_the_dataset():
    protocol = Protocol("grid/some", "grid", "some", Selection(yaw=(2, 4)))
    found = select("grid", grid(Reversed), protocol)
    assert found.labels.ids == ("04", "03", "02") and found.labels.euler[:, 0].tolist() == [4, 3, 2]
    assert found.dataset_name == "grid" and found.protocol is protocol and found.faults == ()
    assert isinstance(found.dataset, Reversed)


def test_a_protocol_that_selects_nothing_says_of_how_many():
    with pytest.raises(MissingError, match="grid/none selects none of the 10 samples in nowhere"):
        select("grid", grid(), Protocol("grid/none", "grid", "none", Selection(roll=(50, 60))))


# Digests


def test_the_fingerprint_does_not_depend_on_the_order_of_the_samples():
    assert fingerprint(grid(Reversed).labels()) == fingerprint(grid().labels())
    assert select("g", grid(Reversed), EVERYTHING).fingerprint == fingerprint(grid().labels())


def test_the_fingerprint_is_of_the_whole_dataset_whatever_is_selected():
    protocol = Protocol("grid/some", "grid", "some", Selection(yaw=(2, 4)))
    assert select("g", grid(), protocol, limit=2).fingerprint == fingerprint(grid().labels())


@pytest.mark.parametrize("change", [{"count": 9}, {"step": 1.5}], ids=["a sample less", "other labels"])
def test_other_samples_or_labels_have_another_fingerprint(change):
    assert fingerprint(grid(**change).labels()) != fingerprint(grid().labels())


def test_a_label_that_moves_to_another_sample_changes_the_fingerprint():
    labels = grid(count=2).labels()
    swapped = replace(labels, digests=labels.digests[::-1])
    assert fingerprint(swapped) != fingerprint(labels)


def test_the_fingerprint_is_of_ids_and_digests_in_the_order_of_the_ids():
    labels = replace(grid(Reversed, count=2).labels(), digests=(b"one", b"nought"))
    assert fingerprint(labels) == hashlib.sha256(b"00\0nought" + b"01\0one").hexdigest()


def test_what_is_scored_is_known_by_its_ids_in_order():
    found = select("grid", grid(count=3), EVERYTHING)
    assert found.digest() == hashlib.sha256(b"00\n01\n02").hexdigest()
    assert select("grid", grid(Reversed, count=3), EVERYTHING).digest() != found.digest()


# Labels that are kept


def test_labels_are_kept_below_the_cache_where_one_is_named(tmp_path):
    class Kept(Grid):
        reads = 0

        def labels_follow_from(self):
            return "their names"

        def sample(self, id):
            Kept.reads += 1
            return replace(super().sample(id), files=(tmp_path / "file",))

    (tmp_path / "file").touch()
    first = select("kept", grid(Kept, root=tmp_path), EVERYTHING, cache=tmp_path / "cache")
    again = select("kept", grid(Kept, root=tmp_path), EVERYTHING, cache=tmp_path / "cache")
    assert Kept.reads == 10 and again.fingerprint == first.fingerprint and again.labels.ids == first.labels.ids
    select("kept", grid(Kept, root=tmp_path), EVERYTHING)
    assert Kept.reads == 20


def test_progress_is_told_sample_by_sample(tmp_path):
    told = []
    select("grid", grid(count=3), EVERYTHING, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    select("grid", grid(count=3), EVERYTHING, cache=tmp_path, progress=lambda *step: told.append(step))
    assert told[3:] == [(1, 3), (2, 3), (3, 3)]


# Samples that cannot be read


@pytest.fixture
def pictures(tmp_path):
    """Images of which 01 is missing, the points of 02 lie outside, and 03 has no points."""
    for id in ("00", "02", "03"):
        cv2.imwrite(str(tmp_path / f"{id}.png"), np.zeros((20, 30, 3), dtype=np.uint8))
    return Pictures(tmp_path)


def test_images_that_do_not_open_or_cannot_be_cropped_are_left_out_and_listed(pictures):
    pictures.crops = {"whole": WHOLE, "face": FACE_BOX}
    found = select("pictures", pictures, EVERYTHING, skip_bad=True)
    assert found.labels.ids == ("00", "03") and found.n_protocol == 2
    assert [fault.id for fault in found.faults] == ["01", "02"]
    assert "01.png" in found.faults[0].reason and "sample 02: the crop face" in found.faults[1].reason


def test_only_a_rule_for_faces_lets_a_sample_do_without_points(pictures):
    assert [fault.id for fault in unreadable_images(pictures, ["00", "03"])] == ["03"]
    pictures.crops = {"face": FACE_BOX, "fsanet": FSANET_POINTS}
    assert [fault.id for fault in unreadable_images(pictures, ["00", "03"])] == ["03"]
    pictures.crops = {"face": FACE_BOX, "whole": WHOLE}
    assert unreadable_images(pictures, ["00", "03"]) == []


def test_only_what_the_protocol_selects_is_opened(pictures):
    protocol = Protocol("pictures/first", "pictures", "the first", Selection(yaw=(0, 0)))
    found = select("pictures", pictures, protocol, skip_bad=True)
    assert found.labels.ids == ("00",) and found.faults == ()


def test_unless_bad_samples_are_skipped_no_image_is_opened(pictures):
    assert len(select("pictures", pictures, EVERYTHING).labels) == 4


@pytest.mark.parametrize("cached", [True, False])
def test_labels_that_cannot_be_read_are_left_out_and_listed_too(tmp_path, cached):
    class Torn(Grid):
        def sample(self, id):
            if int(id) == 5:
                raise SampleError("05.txt: torn")
            return super().sample(id)

    found = select("torn", grid(Torn), EVERYTHING, skip_bad=True, cache=tmp_path if cached else None)
    assert "05" not in found.labels.ids and [(fault.id, fault.reason) for fault in found.faults] == [
        ("05", "05.txt: torn")
    ]
    with pytest.raises(SampleError, match="torn"):
        select("torn", grid(Torn), EVERYTHING)


def test_a_dataset_without_images_has_none_that_are_unreadable():
    told = []
    assert unreadable_images(grid(count=3), ["00", "01", "02"], lambda *step: told.append(step)) == []
    assert told == [(1, 3), (2, 3), (3, 3)]


# Names


PLUGIN = """
from pathlib import Path
from hpe_bench import Dataset, Options, Protocol, hookimpl
from pydantic import Field

class Faces(Dataset):
    folder = "FACES"
    class Options(Options):
        part: str = Field("all", description="which")
    def ids(self):
        return []
    def sample(self, id):
        raise KeyError(id)

class Folderless(Faces):
    folder = ""

def broken():
    raise ImportError("no such module")

@hookimpl
def register_datasets(register):
    register("faces", Faces, summary="faces")
    register("folderless", Folderless, summary="no folder")

@hookimpl
def register_protocols(register):
    register("faces/some", Protocol("faces/some", "faces", "some"))
    register("faces/main", Protocol("faces/main", "faces", "the usual", default=True))
    register("folderless/broken", "nowhere:gone")
"""


@pytest.fixture
def registry(tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    return discover([tmp_path / "plugin.py"], environ={})


def test_a_dataset_stands_for_its_default_protocol_or_for_all_of_it(registry):
    assert find_protocol(registry, "faces", None).name == "faces/main"
    assert find_protocol(registry, "synthetic", "all").name == "synthetic/all"
    with pytest.raises(PluginError, match="no module nowhere"):  # it may be the default
        find_protocol(registry, "folderless", None)


@pytest.mark.parametrize(("dataset", "protocol"), [("faces", "some"), ("faces", "faces/some"), (None, "faces/some")])
def test_a_protocol_is_named_in_full_or_after_its_dataset(registry, dataset, protocol):
    assert find_protocol(registry, dataset, protocol).name == "faces/some"


@pytest.mark.parametrize(("dataset", "protocol"), [("faces", "all"), (None, "faces/all"), ("folderless", "all")])
def test_all_of_a_dataset_is_a_protocol_that_need_not_be_registered(registry, dataset, protocol):
    found = find_protocol(registry, dataset, protocol)
    whole = dataset or protocol.partition("/")[0]
    assert (found.summary, found.name, found.dataset) == ("every sample", f"{whole}/all", whole)


def test_neither_a_dataset_nor_a_protocol_is_wrong_use(registry):
    with pytest.raises(UsageError, match="say what to evaluate on"):
        find_protocol(registry, None, None)


def test_a_protocol_of_another_dataset_is_wrong_use(registry):
    with pytest.raises(UsageError, match="--protocol faces/some is not one of dataset 'folderless'"):
        find_protocol(registry, "folderless", "faces/some")


@pytest.mark.parametrize(
    ("dataset", "protocol"), [("face", None), (None, "face/all"), (None, "faces/sum"), (None, "some")]
)
def test_a_name_that_is_not_there_is_wrong_use(registry, dataset, protocol):
    with pytest.raises(UsageError):
        find_protocol(registry, dataset, protocol)


def test_the_protocols_are_those_that_can_be_loaded(registry):
    names = {protocol.name for protocol in protocols_of(registry)}
    assert {"faces/some", "faces/main"} <= names and "folderless/broken" not in names


def test_a_dataset_is_opened_at_the_root_that_is_named_or_in_its_usual_folder(registry, tmp_path):
    folders = resolve_folders(tmp_path / "data", None, None)
    assert open_dataset(registry, "faces", folders, None, {}).root == tmp_path / "data" / "FACES"
    assert open_dataset(registry, "folderless", folders, None, {}).root == tmp_path / "data" / "folderless"
    dataset = open_dataset(registry, "faces", folders, tmp_path / "there", {"part": "test"})
    assert dataset.root == tmp_path / "there" and dataset.options.part == "test"
    with pytest.raises(UsageError, match="dataset faces"):
        open_dataset(registry, "faces", folders, None, {"wrong": 1})
