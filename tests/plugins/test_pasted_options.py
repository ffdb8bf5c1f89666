"""What is printed of the options of every estimator, dataset and preset can be given on a command line as it stands."""

from __future__ import annotations

import shlex

import pytest

from hpe_bench.cli.info import _options, _preset, _preset_in_words
from hpe_bench.options import build_options, parse_pairs
from hpe_bench.plugins import discover

REGISTRY = discover()
THINGS = [(kind, entry.name) for kind in ("estimators", "datasets") for entry in REGISTRY.entries(kind)]


def require_pasteable(model):
    """Every default that is told parses back to itself, alone and with all others."""
    told = _options(model)
    assert [option["option"] for option in told] == list(model.model_fields)
    pairs = [f"{option['option']}={option['default']}" for option in told]
    for pair in pairs:
        given = build_options(model, parse_pairs([pair]), "x")
        assert given == model(), pair
        assert not any(sign in pair for sign in "()'"), f"{pair} needs quotes, or is Python's"
    assert build_options(model, parse_pairs(pairs), "x") == model()


@pytest.mark.parametrize(("kind", "name"), THINGS)
def test_every_default_that_info_prints_can_be_given_and_is_the_default(kind, name):
    thing = REGISTRY.get(kind, name).load()
    require_pasteable(thing.Options)
    if getattr(thing, "TrainingOptions", None) is not None:
        require_pasteable(thing.TrainingOptions)


@pytest.mark.parametrize("name", [name for kind, name in THINGS if kind == "estimators"])
def test_every_preset_that_info_prints_can_be_given_and_is_the_preset(name):
    kind = REGISTRY.get("estimators", name).load()
    for label, preset in kind.presets.items():
        words = shlex.split(_preset_in_words(_preset(label, preset)))
        given = list(zip(words[::2], words[1::2], strict=True))
        assert [value for flag, value in given if flag == "--dataset"] == list(preset.datasets)
        training = parse_pairs([value for flag, value in given if flag == "-o"])
        expected = build_options(kind.TrainingOptions, preset.options, "x")
        assert build_options(kind.TrainingOptions, training, "x") == expected
        pairs = parse_pairs([value for flag, value in given if flag == "-d"])
        for dataset, options in preset.dataset_options.items():
            model = REGISTRY.get("datasets", dataset).load().Options
            prefix = "" if dataset == preset.datasets[0] else f"{dataset}."
            own = {key.removeprefix(prefix): value for key, value in pairs.items() if ("." in key) == bool(prefix)}
            assert build_options(model, own, "x") == build_options(model, options, "x")


def test_info_of_tokenhpe_shows_defaults_as_they_are_given_within_80_columns(hpe_bench):
    shown = hpe_bench("info", "tokenhpe").stdout
    assert max(map(len, shown.splitlines())) <= 80
    for pair in ("milestones=", "crop=none", "tensorboard=true", "alpha=0.95", "workers=none", "keep=best"):
        assert any(line.split()[:1] == [pair] for line in shown.splitlines()), pair
    assert "-o milestones=20,40" in shown and "-o rate=1e-05" in shown and "ellipsis" not in shown
