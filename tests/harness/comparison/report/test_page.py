"""The page, read as text: what it says, and what it lets nobody say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from hpe_bench.comparison.report.page import report_page


class Reader(HTMLParser):
    """Elements with their attributes, scripts and styles with their text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.raw, self.texts = [], {}, []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = tag + dict(attrs).get("type", "")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside:
            self.raw[self._inside] = self.raw.get(self._inside, "") + data
        else:
            self.texts.append(data)

    def named(self, tag):
        return [attributes for own, attributes in self.elements if own == tag]


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


@pytest.fixture(scope="module")
def data(read):
    return json.loads(read.raw["scriptapplication/json"])


@pytest.fixture
def drawn_before(data, monkeypatch):
    """Pages made in the test have the charts of the first one, which take most of the time."""
    charts = {key: value for key, value in data.items() if key not in ("view", "estimators", "images")}
    monkeypatch.setattr("hpe_bench.comparison.report.page.charts", lambda views: charts)


def test_a_strangers_text_stays_text(read, attack):
    assert [attributes.get("type") for attributes in read.named("script")] == ["application/json", None]
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    assert attack in read.texts and any("</script>" in text for text in read.texts)


def test_only_the_pages_own_style_and_script_may_run_and_nothing_may_be_loaded(read):
    (policy,) = (own["content"] for own in read.named("meta") if own.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(read.raw[kind].encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert not [attributes for _, attributes in read.elements if "style" in attributes]


def test_nothing_points_out_of_the_page(read):
    links = [own.get("href") or own.get("src") for _, own in read.elements if "href" in own or "src" in own]
    assert links and all(link.startswith("#estimator-") for link in links)
    ids = [own["id"] for _, own in read.elements if "id" in own]
    assert len(ids) == len(set(ids)) and {link[1:] for link in links} <= set(ids)


def test_what_competes_comes_first_in_the_charts_and_best_first(data):
    labels = [own["label"] for own in data["estimators"]]
    assert labels[0] == "good" and labels[-1] == "zero" and [own["sanity"] for own in data["estimators"]][-1]


def test_every_sample_is_kept_to_a_hundredth_of_a_degree(data, made_up_runs):
    place = [own["label"] for own in data["estimators"]].index("lacking")
    own, n = data["samples"][place], len(made_up_runs[0])
    truth, predicted = (
        np.frombuffer(base64.b64decode(text), "<i2").reshape(n, 3) / 100
        for text in (data["sets"][own["set"]]["truth"], own["predicted"])
    )
    run = next(run for run in made_up_runs if run.label == "lacking")
    assert np.abs(truth - run.euler).max() <= 0.005 + 1e-9
    assert (predicted[:20] == -327.68).all() and (np.abs(predicted[20:]) <= 180).all()
    assert len(data["sets"]) == 1


def test_the_table_has_a_body_for_every_view_and_one_is_shown(read):
    bodies = [own for own in read.named("tbody") if "data-view" in own]
    assert [(own["data-view"], "hidden" in own) for own in bodies] == [
        ("all", False),
        ("detected", True),
        ("common", True),
    ]


def test_where_all_is_predicted_there_is_one_view(content, drawn_before):
    views = {"records": {"all": content.records["all"]}, "scored": {"all": content.scored["all"]}}
    assert 'id="view"' not in report_page(replace(content, **views))


def test_published_claims_stand_apart_with_their_source(content, page, drawn_before):
    figures = {"mae": dict.fromkeys(("yaw", "pitch", "roll", "mean"), 3.5), "ge": {"mean": None}}
    claim = {"method": "Net", "year": 2020, "trained_on": "300W-LP", "source": "a paper", "note": None, **figures}
    claim["vmae"] = dict.fromkeys(("left", "down", "front", "mean"))
    read = Reader(report_page(replace(content, claims=[claim])))
    assert {"id": "published", "class": "apart"} in read.named("section")
    assert "a paper" in read.texts and "3.50" in read.texts
    assert 'id="published"' not in page


def test_the_heading_names_all_protocols_and_datasets(content, made_up_runs, manifest, drawn_before):
    foreign = manifest(label="good", protocol__name="other/some", dataset__name="other", dataset__fingerprint="f" * 64)
    runs = [replace(run, manifest=foreign) if run.label == "good" else run for run in made_up_runs]
    read = Reader(report_page(replace(content, runs=runs)))
    assert "d/all, other/some" in read.texts and "d/all, other/some: hpe-bench" in read.texts
    assert any("other (fingerprint ffffffffff)" in text and "5 runs on d (" in text for text in read.texts)


def test_what_failed_is_told_of(page):
    assert re.search(r"did not run: failed: &lt;script&gt;", page)


def test_every_manifest_is_there(read, made_up_runs):
    manifests = [text for text in read.texts if text.startswith("{")]
    assert {json.loads(text)["label"] for text in manifests} == {run.label for run in made_up_runs}


def test_the_same_runs_make_the_same_page(content, page, drawn_before):
    assert report_page(content) == page
