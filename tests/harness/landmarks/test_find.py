"""Landmarks of a stream of images: in order, in bounded memory, kept as they are found."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import MissingError, Preparation, UsageError
from hpe_bench.crops import WHOLE
from hpe_bench.errors import DataError, SampleError
from hpe_bench.images import ImageArray, ImageFile
from hpe_bench.landmarks import find
from hpe_bench.landmarks.cache import LandmarkCache
from hpe_bench.landmarks.find import find_landmarks, landmark_key
from hpe_bench.plugins import discover


class Pool:
    """Finds (5, 3) times an image's brightness in this very process; none in a white image, a fault in a grey one."""

    workers = 1

    def __init__(self):
        self.seen = []

    def extract(self, tasks, faults=None):
        for task in tasks:
            value = int(task.image.pixels()[0, 0, 0])
            self.seen.append(value)
            if value == 128:
                error = SampleError(f"{task.where} is grey")
                if faults is None:
                    raise error
                faults[task.key] = error
                continue
            yield task.key, np.full((5, 3), np.nan if value == 255 else value, np.float32), 0.5


@pytest.fixture
def cache(tmp_path):
    return LandmarkCache(tmp_path, "brightness", 5)


def images(*values):
    return [ImageArray(np.full((4, 4, 3), value, np.uint8)) for value in values]


def found(values, cache, pool, **more):
    return [float(points[0, 0]) for points in find_landmarks(images(*values), cache, pool, **more)]


def test_landmarks_come_in_the_order_of_the_images_nan_where_there_is_no_face(cache):
    np.testing.assert_array_equal(found([3, 255, 1, 3, 2], cache, Pool()), [3, np.nan, 1, 3, 2])


def test_equal_images_are_looked_at_once_and_known_ones_never_again(cache, tmp_path):
    first, second = Pool(), Pool()
    found([1, 2, 1, 255], cache, first)
    again = LandmarkCache(tmp_path, "brightness", 5)
    np.testing.assert_array_equal(found([2, 5, 255], again, second), [2, 5, np.nan])
    assert first.seen == [1, 2, 255] and second.seen == [5]


def test_no_more_than_a_group_is_taken_ahead_and_each_group_is_kept(cache, monkeypatch):
    monkeypatch.setattr(find, "_GROUP", 64)
    taken = 0

    def stream():
        nonlocal taken
        for value in range(200):
            taken += 1
            yield from images(value)

    landmarks = find_landmarks(stream(), cache, Pool(), {})
    assert next(landmarks)[0, 0] == 0 and taken == 64
    assert sum(landmark_key(image, WHOLE, None) in cache for image in images(*range(200))) == 64


def test_an_image_that_cannot_be_read_raises_or_is_put_among_the_faults(cache, tmp_path):
    with pytest.raises(DataError, match="grey"):
        found([1, 128], cache, Pool())
    faults = {}
    np.testing.assert_array_equal(found([1, 128, 2, 128], cache, Pool(), faults=faults), [1, np.nan, 2, np.nan])
    assert sorted(faults) == [1, 3] and "grey" in str(faults[1])
    (key,) = {landmark_key(image, WHOLE, None) for image in images(128)}
    assert key not in cache  # a fault is not "no face"
    gone, other = ImageFile(tmp_path / "gone.png"), {}
    assert len(list(find_landmarks([gone, *images(1)], cache, Pool(), other))) == 2
    assert list(other) == [0] and "gone.png" in str(other[0])
    with pytest.raises(DataError, match=r"gone\.png"):
        list(find_landmarks([gone], cache, Pool()))


# What a dataset is given to prepare itself with


def test_a_preparation_tells_and_counts(capsys):
    said = []
    work = Preparation(said.append, registry=discover())
    work("one")
    with work.progress("steps", 2) as advance:
        advance(2)
    assert said == ["one"] and capsys.readouterr() == ("", "")


def test_a_preparation_knows_the_extractors_of_its_plugins(tmp_path):
    plugin = tmp_path / "finder.py"
    plugin.write_text(
        "from hpe_bench import Extractor, hookimpl\n"
        "class Finder(Extractor):\n    identity = 'finder 1'\n    def find(self, image):\n        return None\n"
        "class Needy(Finder):\n    identity = 'needy 1'\n    requires = ('no_such_package',)\n"
        "@hookimpl\n"
        "def register_extractors(register):\n    register('finder', Finder)\n    register('needy', Needy)\n"
    )
    work = Preparation(registry=discover([plugin]))
    assert work.extractor("finder").identity == "finder 1"
    with pytest.raises(UsageError, match="no extractor 'fnder'; did you mean finder"):
        next(work.find_landmarks([], "fnder"))
    with pytest.raises(MissingError, match="pip install no_such_package"):
        work.extractor("needy")
