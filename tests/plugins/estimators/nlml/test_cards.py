"""What the cards of NLML-HPE's weights say: how far they reach, and of whose heads."""

from __future__ import annotations

import json

import pytest

from hpe_bench import GridAxes
from hpe_bench.settings import resolve_folders

pytest.importorskip("torch")

from hpe_bench_plugins.estimators.data_licences import data_licence
from hpe_bench_plugins.estimators.nlml.training import _range_in_words


class _Axes:
    def __init__(self, *bins):
        self.axes = GridAxes(*bins)


def test_the_range_is_that_of_every_grid_that_was_learned_from():
    narrow = _Axes((-50.0, 0.0, 50.0), (-40.0, 40.0), (-30.0, 30.0))
    wide = _Axes((-100.0, 0.0, 100.0), (-25.0, 25.0), (0.0, 25.0))
    assert _range_in_words(["synthetic"], [narrow]) == "yaw +-50, pitch +-40, roll +-30"
    assert _range_in_words(["synthetic", "facescape"], [narrow, wide]) == (
        "synthetic: yaw +-50, pitch +-40, roll +-30; facescape: yaw +-100, pitch +-25, roll 0 to 25"
    )


def test_the_card_of_the_full_range_says_so_and_whose_heads_were_rendered():
    folder = resolve_folders().weight_folders("nlml")[-1]
    card = json.loads((folder / "full" / "card.json").read_text())
    assert "yaw +-100" in card["about"]["range"] and "ICT-FaceKit" in card["trained_on"]
    assert card["licence"] == "MIT" and "MIT (ICT-FaceKit" in card["data_licence"]
    assert "research" not in card["data_licence"]


def test_published_checkpoints_have_the_licence_of_the_data_that_their_set_is_named_after():
    assert data_licence("300W_LP") == "research only (300W-LP)" and "BIWI" in data_licence("BIWI")
    assert data_licence("300W_LP-deployed").startswith("research only")
    assert "not known" in data_licence("mine")
