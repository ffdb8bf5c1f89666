"""The label index: what is on disk unchanged is not read again, and anything else is."""

from __future__ import annotations

import os
import signal
import time

import h5py
import numpy as np
import pytest

from hpe_bench import Dataset, Sample, SampleError, label_index, pose
from hpe_bench.label_index import index_path, indexed_labels


class Texts(Dataset):
    """Samples that are text files: yaw, pitch, roll."""

    reads: list[str]
    following: object = ()

    def ids(self):
        return sorted(path.stem for path in self.root.glob("*.txt"))

    def sample(self, id):
        self.reads.append(id)
        path = self.root / f"{id}.txt"
        words = path.read_text().split()
        if len(words) != 3:
            raise SampleError(f"{path}: not three numbers")
        euler = np.array([float(word) for word in words])
        points = None if id.endswith("7") else np.array([[1.0], [2.0]])
        return Sample(id, pose.rotation_from_euler(euler), euler, points=points, person=f"Ü{id[-1]}", files=(path,))

    def labels_follow_from(self):
        return self.following


@pytest.fixture
def texts(tmp_path):
    """A function that opens the dataset, and how it was read."""
    root = tmp_path / "texts"
    root.mkdir()
    for number in range(20):
        (root / f"{number:02d}.txt").write_text(f"{number} {-number} {number / 2}")

    def open_it(following=()):
        dataset = Texts(root)
        dataset.reads, dataset.following = [], following
        return dataset

    return open_it


def read(dataset, cache, **options):
    labels = indexed_labels(dataset, cache, **options)
    return labels, len(dataset.reads)


def same(first, second):
    np.testing.assert_array_equal(first.rotation, second.rotation)
    np.testing.assert_array_equal(first.euler, second.euler)
    np.testing.assert_array_equal(first.with_points, second.with_points)
    columns = ("ids", "person", "sequence", "digests", "faults")
    return all(getattr(first, name) == getattr(second, name) for name in columns)


def test_the_second_time_nothing_is_read_and_the_labels_are_the_same(texts, tmp_path):
    first, reads = read(texts(), tmp_path)
    second, again = read(texts(), tmp_path)
    assert (reads, again) == (20, 0)
    assert same(first, second) and same(first, texts().labels())
    assert first.with_points.sum() == 18


def test_only_what_changed_is_read_again(texts, tmp_path):
    read(texts(), tmp_path)
    root = texts().root
    (root / "03.txt").write_text("-3 1 2")
    (root / "05.txt").unlink()
    (root / "33.txt").write_text("1 2 3")
    os.utime(root / "09.txt", ns=(0, 0))
    dataset = texts()
    labels, _ = read(dataset, tmp_path)
    assert sorted(dataset.reads) == ["03", "09", "33"]
    assert same(labels, texts().labels())


def test_a_label_that_changed_is_read_again_though_its_size_and_time_are_as_before(texts, tmp_path):
    read(texts(), tmp_path)
    file = texts().root / "03.txt"
    before, text = file.stat(), file.read_text()
    time.sleep(0.02)  # as long as two writes may have one time
    file.write_text(text.translate(str.maketrans("0123456789", "1234567890")))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    dataset = texts()
    read(dataset, tmp_path)
    assert dataset.reads == ["03"]


def test_a_dataset_that_names_nothing_that_its_labels_follow_from_has_no_index(texts, tmp_path):
    read(texts(None), tmp_path / "cache")
    assert read(texts(None), tmp_path / "cache")[1] == 20
    assert not (tmp_path / "cache").exists()


def test_labels_that_follow_from_something_else_are_read_anew(texts, tmp_path):
    read(texts("one"), tmp_path)
    assert read(texts("two"), tmp_path)[1] == 20


def test_a_part_of_the_samples_leaves_the_others_in_the_index(texts, tmp_path, monkeypatch):
    read(texts(), tmp_path)
    monkeypatch.setattr(Texts, "ids", lambda self: ["04", "02"])
    labels, reads = read(texts(), tmp_path)
    assert labels.ids == ("04", "02") and reads == 0
    monkeypatch.undo()
    assert read(texts(), tmp_path)[1] == 0


def test_what_cannot_be_read_is_a_fault_every_time_until_it_is_mended(texts, tmp_path):
    path = texts().root / "04.txt"
    path.write_text("broken")
    with pytest.raises(SampleError, match=r"04\.txt"):
        read(texts(), tmp_path)
    for _ in range(2):
        dataset = texts()
        labels, _ = read(dataset, tmp_path, skip_bad=True)
        assert [fault.id for fault in labels.faults] == ["04"] and len(labels) == 19
    assert dataset.reads == ["04"]
    path.write_text("4 4 4")
    labels, reads = read(texts(), tmp_path)
    assert len(labels) == 20 and reads == 1 and not labels.faults


def test_what_was_read_before_a_kill_is_kept(texts, tmp_path, monkeypatch):
    monkeypatch.setattr(label_index, "SAVE_EVERY", 6)
    child = os.fork()
    if child == 0:
        dataset = texts()
        dataset.sample = lambda id: os.kill(os.getpid(), signal.SIGKILL) if id == "15" else Texts.sample(dataset, id)
        indexed_labels(dataset, tmp_path)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    dataset = texts()
    labels, reads = read(dataset, tmp_path)
    assert reads == 8 and dataset.reads[0] == "12"
    assert same(labels, texts().labels())


def damage_text(path):
    with h5py.File(path, "r+") as file:
        file["text"][0] = ord("?")


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose_a_column(path):
    with h5py.File(path, "r+") as file:
        del file["euler"]


def lose_a_row(path):
    with h5py.File(path, "r+") as file:
        rows = file["rotation"][:-1]
        del file["rotation"]
        file["rotation"] = rows


def link_elsewhere(path):
    with h5py.File(path, "r+") as file:
        del file["stamps"]
        file["stamps"] = h5py.ExternalLink("other.h5", "stamps")


@pytest.mark.parametrize("damage", [damage_text, cut_short, lose_a_column, lose_a_row, link_elsewhere])
def test_a_damaged_index_is_made_anew(texts, tmp_path, damage, capsys):
    read(texts(), tmp_path)
    damage(index_path(texts(), tmp_path))
    labels, reads = read(texts(), tmp_path)
    assert reads == 20 and same(labels, texts().labels())
    assert "damaged, and made anew" in capsys.readouterr().err
    assert read(texts(), tmp_path)[1] == 0


def test_progress_counts_what_the_index_holds(texts, tmp_path):
    read(texts(), tmp_path)
    (texts().root / "03.txt").write_text("3 3 3")
    told = []
    indexed_labels(texts(), tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(19, 20), (20, 20)]


def test_an_evaluation_keeps_its_labels_beside_the_results_and_leaves_the_data_alone(aflw2000, hpe_bench, tmp_path):
    root = aflw2000([(10, 5, -3), (20, 5, 2)])
    before = sorted(path.name for path in root.iterdir())
    assert hpe_bench("eval", "zero", "--dataset", "aflw2000").returncode == 0
    (index,) = (tmp_path / "results" / ".cache" / "labels").glob("aflw2000-*.h5")
    with h5py.File(index, "r") as file:
        assert file["rotation"].shape == (2, 3, 3)
    assert sorted(path.name for path in root.iterdir()) == before
