"""FSA-Net's npz: BGR crops and angles; other keys, objects and other shapes are refused, and nothing is unpickled."""

import pickle

import numpy as np
import pytest

from hpe_bench import DataError, MissingError, UsageError, evaluate, pose
from hpe_bench_plugins.datasets.biwi.dataset import BIWI
from hpe_bench_plugins.datasets.fsanet_npz import read_npz

ANGLES = np.array([[10.0, -5, 3], [-40, 20, 0], [0, 0, 60]])


def pictures(size=64):
    return np.random.default_rng(0).integers(0, 255, (3, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("size", [64, 256])
def test_images_and_angles_are_read_as_fsanet_writes_them(tmp_path, save, size):
    images = pictures(size)
    save(tmp_path / "BIWI_noTrack.npz", image=images, pose=ANGLES, img_size=size)
    dataset = BIWI(tmp_path, BIWI.Options(npz="BIWI_noTrack.npz"))
    assert dataset.ids() == [f"BIWI_noTrack/0000{row}" for row in range(3)]
    for row, id in enumerate(dataset.ids()):
        sample = dataset.sample(id)
        np.testing.assert_array_equal(sample.image.pixels(), images[row, ..., ::-1])
        np.testing.assert_allclose(pose.euler_from_rotation(sample.rotation), ANGLES[row], atol=1e-9)
    assert isinstance(read_npz(tmp_path / "BIWI_noTrack.npz")[0], np.memmap) == (save is np.savez)


def test_it_is_evaluated_under_its_protocol(tmp_path):
    np.savez(tmp_path / "BIWI_noTrack.npz", image=pictures(), pose=ANGLES, img_size=64)
    rows = evaluate(
        ["zero", "oracle"], protocol="biwi/13219", root=tmp_path, dataset_options={"npz": "BIWI_noTrack.npz"}
    ).set_index("estimator")
    assert rows.mae_yaw["zero"] == pytest.approx(50 / 3) and rows.ge_mean["oracle"] == 0
    assert "13,219 samples, this dataset 3" in " ".join(rows.notes["zero"])


class Trap:
    """Unpickled, it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def objects(path):
    images = np.empty(3, dtype=object)
    images[:] = [Trap(path.with_name("sprung"))] * 3
    np.savez(path, image=images, pose=ANGLES)


def other_keys(path):
    np.savez(path, images=pictures(), poses=ANGLES)


def floats(path):
    np.savez(path, image=pictures() / 255, pose=ANGLES)


def grey(path):
    np.savez(path, image=pictures()[..., 0], pose=ANGLES)


def fewer_angles(path):
    np.savez(path, image=pictures(), pose=ANGLES[:2])


def words(path):
    np.savez(path, image=pictures(), pose=np.array([["a"] * 3] * 3))


def a_pickle(path):
    path.write_bytes(pickle.dumps({"image": Trap(path.with_name("sprung"))}))


def cut_short(path):
    np.savez(path, image=pictures(), pose=ANGLES)
    path.write_bytes(path.read_bytes()[:-2000])


def not_finite(path):
    np.savez(path, image=pictures(), pose=ANGLES * np.nan)


FAULTS = {
    objects: "pickled objects, which are not loaded",
    other_keys: "has the keys images, poses",
    floats: "image is float64",
    grey: r"image is uint8 \(3, 64, 64\)",
    fewer_angles: r"pose is float64 \(2, 3\)",
    words: "pose is <U1",
    a_pickle: "not a readable npz",
    cut_short: "not a readable npz",
    not_finite: "not a finite 3 x 3 rotation",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_a_clear_error(tmp_path, fault):
    fault(tmp_path / "faces.npz")
    with pytest.raises(DataError, match=FAULTS[fault]):
        BIWI(tmp_path, BIWI.Options(npz="faces.npz")).labels()
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_not_there_and_parts_that_it_cannot_have(tmp_path):
    with pytest.raises(MissingError, match="no file"):
        BIWI(tmp_path, BIWI.Options(npz="nowhere.npz")).ids()
    with pytest.raises(UsageError, match="no names of sequences"):
        BIWI(tmp_path, BIWI.Options(npz="x.npz", part="test"))


def test_angles_of_many_frames_that_are_all_as_small_as_radians_are_refused(tmp_path):
    turned = np.tile(ANGLES, (20, 1))
    images = np.zeros((60, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "degrees.npz", image=images, pose=turned)
    assert read_npz(tmp_path / "degrees.npz")[1].max() == 60
    np.savez(tmp_path / "radians.npz", image=images, pose=np.radians(turned))
    with pytest.raises(DataError, match=r"radians\.npz: .*looks like radians"):
        read_npz(tmp_path / "radians.npz")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\nsize 5\n", "git lfs pull"),
        (b"<html>", "web page"),
        (b"", "empty"),
    ],
)
def test_what_stands_in_place_of_an_npz_is_called_what_it_is(tmp_path, content, said):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.npz: not a readable npz: it is .*{said}"):
        read_npz(tmp_path / "a.npz")


def test_a_frame_whose_angle_is_more_than_a_turn_or_no_number_is_refused(tmp_path):
    for wrong in (np.nan, 400.0):
        np.savez(tmp_path / "a.npz", image=pictures(8), pose=[[wrong, 0, 0], *ANGLES[1:]])
        with pytest.raises(DataError, match="sample a/00000: "):
            BIWI(tmp_path, BIWI.Options(npz="a.npz")).labels()


def test_what_would_be_unpacked_into_gigabytes_is_refused_before_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("hpe_bench_plugins.datasets.fsanet_npz._MOST_UNPACKED", 10**5)
    arrays = {"image": np.zeros((9, 64, 64, 3), np.uint8), "pose": np.zeros((9, 3))}
    np.savez(tmp_path / "stored.npz", **arrays)
    assert read_npz(tmp_path / "stored.npz")[0].shape == (9, 64, 64, 3)
    np.savez_compressed(tmp_path / "packed.npz", **arrays)
    with pytest.raises(DataError, match=r"packed\.npz: image.* takes 110,592 bytes unpacked"):
        read_npz(tmp_path / "packed.npz")
