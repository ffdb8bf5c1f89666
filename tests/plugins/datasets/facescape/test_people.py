"""Learning from so many people: of those that there are, nested, seeded, and recorded; and options that do nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hpe_bench.errors import UsageError
from hpe_bench_plugins.datasets.facescape.dataset import FaceScape
from hpe_bench_plugins.datasets.parts import first_people

COUNTER = '''
import json
import numpy as np
from hpe_bench import Estimator, Images, MissingError, Options, Trained, hookimpl

class Counter(Estimator):
    """Learns who it was shown."""

    class TrainingOptions(Options):
        pass

    class Options(Options):
        weights: str = "default"

    inputs = INPUTS

    @classmethod
    def train(cls, training):
        (dataset,) = training.datasets.values()
        people = PEOPLE
        training.report("reading", people=len(people))
        return Trained({"people.json": json.dumps(people).encode()})

    def find_weights(self, folder):
        path = folder / self.options.weights / "people.json"
        if not path.is_file():
            raise MissingError(f"no {path}")
        return {"people": path}

    def predict(self, batch):
        return np.broadcast_to(np.eye(3), (len(batch), 3, 3))

@hookimpl
def register_estimators(register):
    register("counter", Counter)
'''
OF_IMAGES = ("Images(size=(16, 16))", 'sorted({dataset.sample(id).person for id in dataset.part("train").ids()})')
OF_LANDMARKS = ("Landmarks(extractor='reader')", 'list(dataset.grid("train").identities)')


@pytest.fixture
def prepared(tree, preparation):
    root = tree(people=[str(number) for number in range(20)], bins=((0, 10), (0,), (0,)))
    FaceScape(root, FaceScape.Options(extractor="reader", workers=1)).prepare(preparation())
    return root


@pytest.mark.parametrize("kind", [OF_IMAGES, OF_LANDMARKS])
def test_a_series_over_identities_learns_from_so_many_people_each(prepared, reader, hpe_bench, tmp_path, kind):
    inputs, people = kind
    text = COUNTER.replace("INPUTS", inputs).replace("PEOPLE", people).replace("Images, ", "Images, Landmarks, ")
    (tmp_path / "counter.py").write_text(text)
    plugins = ("--plugin", tmp_path / "counter.py", "--plugin", reader)
    done = hpe_bench("train", "counter", "--dataset", "facescape", "--identities", "2,5", "--json", *plugins)
    assert done.returncode == 0, done.stderr
    learned, cards = {}, {}
    for count in (2, 5):
        folder = Path("weights") / "counter" / f"facescape-n{count}"
        learned[count] = set(json.loads((folder / "people.json").read_text()))
        cards[count] = json.loads((folder / "card.json").read_text())
        assert len(learned[count]) == count
        assert cards[count]["trained_on"] == f"facescape (people={count})"
        assert f"-d people={count}" in cards[count]["source"]
    assert learned[2] < learned[5] and cards[2]["training"] != cards[5]["training"]
    validated = {FaceScape(prepared).part("validation").sample(id).person for id in _ids(prepared, "validation")}
    held = {FaceScape(prepared).sample(id).person for id in _ids(prepared, "holdout")}
    assert not learned[5] & (validated | held)
    rows = json.loads(done.stdout)
    assert {row["identities"] for row in rows} == {2, 5} and {row["n"] for row in rows} == {2 * len(held)}


def _ids(root, part):
    return FaceScape(root, FaceScape.Options(part=part)).ids()


def test_more_people_than_there_are_are_refused(prepared, reader, hpe_bench, tmp_path):
    text = COUNTER.replace("INPUTS", OF_IMAGES[0]).replace("PEOPLE", OF_IMAGES[1])
    (tmp_path / "counter.py").write_text(text)
    done = hpe_bench(
        *("train", "counter", "--dataset", "facescape", "--identities", "2,15"),
        *("--plugin", tmp_path / "counter.py", "--plugin", reader),
    )
    assert done.returncode == 2 and "people=15: there are 14 to learn from" in done.stderr
    assert not Path("weights").exists()


def test_fewer_people_are_among_more_of_them_whatever_the_seed():
    people = [str(number) for number in range(30)]
    for seed in (0, 1):
        of = [first_people(people, count, seed) for count in (1, 7, 30)]
        assert list(map(len, of)) == [1, 7, 30] and set(of[0]) < set(of[1]) < set(of[2])
    assert first_people(people, 7, 0) != first_people(people, 7, 1)
    assert first_people(people, None, 0) == tuple(people)
    with pytest.raises(ValueError, match="there are 30"):
        first_people(people, 31, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eval", "zero", "--dataset", "facescape", "-d", "identities=4"), "identities=4 makes no difference"),
        (("eval", "zero", "--dataset", "facescape", "-d", "people=4"), "people=4 makes no difference"),
        (("eval", "zero", "--protocol", "facescape/all", "-d", "holdout=0.5"), "part=all divides nothing"),
        (("verify", "facescape", "-d", "yaw=20"), "yaw=20 makes no difference"),
        (("train", "nlml", "--dataset", "facescape", "-d", "identities=4"), "identities=4 makes no difference"),
        (("train", "nlml", "--dataset", "facescape", "-d", "part=holdout"), "a training takes its parts itself"),
        (
            ("train", "nlml", "--dataset", "facescape", "-d", "extractor=facemesh"),
            "of reader, not of facemesh",
        ),
        (("prepare", "facescape", "-d", "yaw=20"), "nothing is rendered without models"),
        (("prepare", "facescape", "-d", "holdout=0.5"), "prepare takes everybody"),
    ],
)
def test_an_option_that_makes_no_difference_is_refused(prepared, hpe_bench, arguments, said):
    done = hpe_bench(*arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_people_that_there_are_not_so_many_of_are_wrong_use(prepared):
    with pytest.raises(UsageError, match="there are 14 to learn from"):
        FaceScape(prepared, FaceScape.Options(people=15)).part("train").ids()


@pytest.mark.parametrize(
    ("models", "licence"),
    [
        (None, ""),
        ("ICT-FaceKit, 100 modes", "MIT (ICT-FaceKit, 100 modes)"),
        ("3 OBJ heads", "that of the heads rendered: 3 OBJ heads"),
    ],
)
def test_the_licence_is_that_of_the_heads_that_were_rendered(tree, models, licence):
    root = tree(bins=((0, 10), (0,), (0,)))
    if models is not None:
        axes = {"yaw": [0, 10], "pitch": [0], "roll": [0], "convention": "pitch-yaw-roll"}
        text = {"format": "hpe-bench grid of renders, 1", "axes": axes, "generator": {"models": models}}
        (root / "grid.json").write_text(json.dumps(text))
    assert FaceScape(root).data_licence() == licence
