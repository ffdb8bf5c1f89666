"""Licences and citations, of estimators, datasets and weights and of what these learned from: kept, not hashed."""

from __future__ import annotations

import json

import pytest

from hpe_bench import evaluate, open_run, train
from hpe_bench.estimators import Card
from hpe_bench.plugins import discover
from hpe_bench.runs.train.runfile import open_training
from hpe_bench.runs.weights import read_card

CITED = {
    "summary": "x",
    "licence": "MIT",
    "url": "https://example.org/learner",
    "citation": "Somebody: Something, 2020, arXiv:0000.00000",
}


@pytest.fixture
def cited(learner):
    """A function that has the learner and its dataset registered with a licence, an address and a citation."""

    def register(data_licence="research only", **more):
        text = learner.read_text()
        text = text.replace('summary="learns one angle"', ", ".join(f"{k}={v!r}" for k, v in {**CITED, **more}.items()))
        text = text.replace('summary="one angle"', f'summary="one angle", licence={data_licence!r}, citation="Data"')
        learner.write_text(text)

    return register


def test_a_run_and_a_training_say_what_is_to_be_cited_and_under_which_licences(cited, results_of):
    cited()
    done = train("learner")
    card = read_card(done.weights)
    assert card.licence == "MIT" and card.data_licence == "line: research only"
    manifest = open_training(done.run).manifest
    assert manifest["reference"] == {key: CITED[key] for key in ("licence", "url", "citation")}
    assert manifest["datasets"][0]["reference"] == {"licence": "research only", "url": "", "citation": "Data"}
    assert manifest["data_licence"] == "line: research only" and manifest["licence"] == "MIT"
    run = results_of("learner:weights=quick-line")
    assert run["reference"]["citation"] == CITED["citation"]
    assert run["dataset"]["reference"]["licence"] == "research only"
    assert run["card"] == {
        "name": "quick-line",
        "trained_on": "line",
        "licence": "MIT",
        "data_licence": "line: research only",
    }


@pytest.fixture
def results_of(tmp_path):
    """A function of an estimator: the manifest of its run on "line"."""

    def run(estimator):
        evaluate(estimator, dataset="line")
        (path,) = (tmp_path / "results" / "line" / "all").glob("*.h5")
        return open_run(path).manifest

    return run


def test_another_licence_or_citation_is_no_other_training(learner, cited):
    cited(licence="MIT")
    before = train("learner")
    text = learner.read_text()
    card = json.loads((before.weights / Card.FILE).read_text())
    learner.write_text(text)
    assert train("learner").reused and card["training"]
    assert "MIT" not in json.dumps(open_training(before.run).manifest["key"])


def test_what_a_dataset_says_of_its_files_counts_more_than_what_it_is_registered_with(cited, learner):
    cited()
    text = learner.read_text()
    learner.write_text(
        text.replace(
            "    def variant(self):", "    def data_licence(self):\n        return 'CC0'\n\n    def variant(self):"
        )
    )
    assert read_card(train("learner").weights).data_licence == "line: CC0"


def test_info_prints_what_to_cite_and_both_licences_of_the_weights(cited, hpe_bench):
    cited()
    train("learner", name="default")
    shown = hpe_bench("info", "learner").stdout
    assert CITED["citation"] in " ".join(shown.split())
    assert "licence of the weights: MIT; of what they learned from: line: research only" in " ".join(shown.split())
    (record,) = json.loads(hpe_bench("info", "learner", "--json").stdout)
    assert record["citation"] == CITED["citation"] and record["url"] == CITED["url"]


def test_the_list_of_weights_has_every_set_with_both_licences(cited, hpe_bench):
    cited()
    train("learner", name="default")
    train("learner", name="other", seed=1)
    rows = [row for row in json.loads(hpe_bench("weights", "list", "--json").stdout) if row["estimator"] == "learner"]
    assert [(row["set"], row["default"], row["shipped"]) for row in rows] == [
        ("default", True, False),
        ("other", False, False),
    ]
    assert {(row["licence"], row["data_licence"]) for row in rows} == {("MIT", "line: research only")}


def test_the_list_of_weights_has_all_that_come_with_the_project(hpe_bench):
    rows = json.loads(hpe_bench("weights", "list", "--json").stdout)
    shipped = {(row["estimator"], row["set"]) for row in rows if row.get("shipped")}
    assert {(name, of) for name in ("nlml", "nlml-tensor") for of in ("default", "full")} <= shipped
    assert all("MIT" in row["licence"] and row["data_licence"] for row in rows if row.get("shipped"))


def test_every_bundled_method_and_every_published_dataset_says_what_to_cite():
    registry = discover(environ={})
    for kind, name in (
        *(("estimators", name) for name in ("fsanet", "6drepnet", "tokenhpe", "nlml", "nlml-tensor")),
        *(("datasets", name) for name in ("300w_lp", "aflw2000", "biwi", "facescape")),
    ):
        entry = registry.get(kind, name)
        assert "doi:" in entry.citation or "arXiv:" in entry.citation, name
        assert entry.licence and entry.url.startswith("http")


def test_a_card_without_a_licence_of_the_data_is_still_read(tmp_path):
    (tmp_path / Card.FILE).write_text('{"estimator": "e", "name": "n", "files": {}, "licence": "MIT"}')
    assert read_card(tmp_path) == Card("e", "n", {}, licence="MIT")
