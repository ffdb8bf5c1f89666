"""Options: key=value pairs, a typed model of them, and what differs from the defaults."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError, field_validator, model_validator

from hpe_bench.errors import UnknownName, UsageError
from hpe_bench.options import Options, build_options, changed_options, parse_pairs, written, written_defaults


class Network(Options):
    backbone: Literal["small", "large"] = "small"
    batch_size: int = Field(16, ge=1)
    scale: float = 1.0
    flip: bool = False
    weights: Path | None = None
    grid: tuple[int, int] = (8, 8)
    layers: list[int] = Field(default_factory=lambda: [64, 32])


class Bounded(Options):
    low: int = 0
    high: int = 10

    @model_validator(mode="after")
    def _ordered(self) -> Any:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Required(Options):
    sequence: int


# Pairs


def test_pairs_are_keys_and_values():
    assert parse_pairs(["batch_size=8", "backbone=large"]) == {"batch_size": "8", "backbone": "large"}


def test_no_pairs_are_no_options():
    assert parse_pairs([]) == {}


def test_a_value_may_hold_an_equals_sign():
    assert parse_pairs(["filter=yaw=30"]) == {"filter": "yaw=30"}


def test_a_value_may_be_empty():
    assert parse_pairs(["weights="]) == {"weights": ""}


def test_blanks_around_key_and_value_are_no_part_of_them():
    assert parse_pairs([" batch_size = 8 "]) == {"batch_size": "8"}


def test_of_two_values_for_a_key_the_last_holds():
    assert parse_pairs(["scale=1", "scale=2"]) == {"scale": "2"}


@pytest.mark.parametrize("pair", ["batch_size", "=8", " =8", "", "batch_size:8"])
def test_what_is_not_key_equals_value_is_refused_as_it_was_given(pair):
    with pytest.raises(UsageError) as refused:
        parse_pairs(["scale=1", pair])

    assert str(refused.value) == f"'-o {pair}' is not of the form key=value"
    assert refused.value.exit_code == 2


def test_a_refused_pair_is_shown_with_the_flag_that_brought_it():
    with pytest.raises(UsageError, match="'--dataset-option files' is not of the form key=value"):
        parse_pairs(["files"], flag="--dataset-option ")


# From pairs to a model


def test_text_becomes_the_type_of_its_option():
    options = build_options(
        Network,
        {"backbone": "large", "batch_size": "8", "scale": "0.5", "flip": "true", "weights": "a/b.npz"},
        "estimator x",
    )

    assert (options.backbone, options.batch_size, options.scale, options.flip, options.weights) == (
        "large",
        8,
        0.5,
        True,
        Path("a/b.npz"),
    )


def test_options_that_are_not_given_keep_their_defaults():
    assert build_options(Network, {}, "estimator x") == Network()


def test_an_unknown_option_names_the_one_that_was_meant_and_whose_it_is():
    with pytest.raises(UnknownName) as refused:
        build_options(Network, {"bach_size": "8"}, "estimator x")

    message = str(refused.value)
    assert "'bach_size'" in message
    assert "did you mean batch_size?" in message
    assert "estimator x" in message
    assert refused.value.exit_code == 2


def test_an_unknown_option_in_capitals_names_the_one_that_was_meant():
    with pytest.raises(UnknownName, match="did you mean flip"):
        build_options(Network, {"FLIP": "1"}, "estimator x")


def test_an_unknown_option_like_no_other_lists_those_there_are():
    with pytest.raises(UnknownName) as refused:
        build_options(Bounded, {"qqqq": "1"}, "dataset y")

    assert "there is high, low" in str(refused.value)
    assert "dataset y" in str(refused.value)


def test_an_option_of_a_plugin_without_any_is_told_so():
    with pytest.raises(UnknownName, match="there is none"):
        build_options(Options, {"scale": "1"}, "estimator x")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("batch_size", "many", "valid integer"),
        ("batch_size", "0", "greater than or equal to 1"),
        ("batch_size", "1.5", "valid integer"),
        ("scale", "wide", "valid number"),
        ("flip", "perhaps", "valid boolean"),
    ],
)
def test_a_value_of_the_wrong_type_says_what_was_given_and_what_was_expected(key, value, expected):
    with pytest.raises(UsageError) as refused:
        build_options(Network, {key: value}, "estimator x")

    message = str(refused.value)
    assert message.startswith(f"estimator x: option {key}={value!r}: ")
    assert expected in message
    assert "\n" not in message


def test_a_value_that_is_no_choice_names_the_one_that_was_meant():
    with pytest.raises(UsageError) as refused:
        build_options(Network, {"backbone": "lage"}, "estimator x")

    assert "estimator x" in str(refused.value)
    assert "backbone 'lage'" in str(refused.value)
    assert "did you mean large?" in str(refused.value)


def test_a_value_like_no_choice_lists_those_there_are():
    with pytest.raises(UsageError, match="there is large, small"):
        build_options(Network, {"backbone": "qqqq"}, "estimator x")


def test_a_value_that_is_no_choice_of_an_option_that_may_be_none_lists_the_choices():
    class Optional(Options):
        backbone: Literal["small", "large"] | None = None

    with pytest.raises(UsageError, match="there is large, small"):
        build_options(Optional, {"backbone": "qqqq"}, "estimator x")


def test_an_item_of_a_list_that_is_no_choice_is_wrong_use():
    class Several(Options):
        views: list[Literal["all", "detected"]] = Field(default_factory=list)

    with pytest.raises(UsageError, match="detcted"):
        build_options(Several, {"views": ["all", "detcted"]}, "estimator x")


def test_a_wrong_item_of_a_list_names_its_place():
    with pytest.raises(UsageError, match=r"option layers\.1='deep'"):
        build_options(Network, {"layers": [64, "deep"]}, "estimator x")


def test_options_that_do_not_fit_together_say_why():
    with pytest.raises(UsageError, match=r"dataset y: .*low is above high"):
        build_options(Bounded, {"low": "20"}, "dataset y")


def test_a_missing_option_is_named():
    with pytest.raises(UsageError, match="dataset y: option sequence"):
        build_options(Required, {}, "dataset y")


def test_a_refusal_hides_the_traceback_of_the_validation():
    with pytest.raises(UsageError) as refused:
        build_options(Network, {"batch_size": "many"}, "estimator x")

    assert refused.value.__suppress_context__


def test_options_never_change_after_the_start():
    options = build_options(Network, {}, "estimator x")

    with pytest.raises(ValidationError, match="frozen"):
        options.batch_size = 32


# As they are written


class Inner(Options):
    depth: int = 2


class Kinds(Options):
    words: tuple[str, ...] = ("a", "b")
    odd: list[str] = Field(default_factory=lambda: ["a,b", "[c"])
    blank: list[str] = Field(default_factory=lambda: [""])
    nothing: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ((1, 2), (3, 4))
    numbers: set[int] = Field(default_factory=lambda: {3})
    perhaps: list[int] | None = None
    file: Path | None = None
    name: str | None = None
    by_name: dict[str, int] = Field(default_factory=lambda: {"a": 1})
    inner: Inner = Inner()
    many: Literal[9, 11] | None = 9
    small: float = 1e-05
    flag: bool = True
    text: str = "x=1 y"


@pytest.mark.parametrize("name", list(Kinds.model_fields))
def test_an_option_is_written_as_it_can_be_given(name):
    text = written_defaults(Kinds)[name]
    assert getattr(build_options(Kinds, parse_pairs([f"{name}={text}"]), "x"), name) == getattr(Kinds(), name)


def test_options_are_written_as_a_person_would_write_them():
    told = written_defaults(Kinds)
    assert (told["words"], told["nothing"], told["file"], told["flag"]) == ("a,b", "", "none", "true")
    assert (told["many"], told["small"], told["numbers"]) == ("9", "1e-05", "3")
    assert written((20, 40)) == "20,40"


def test_none_may_be_given_where_an_option_may_be_none_and_there_alone():
    class Named(Options):
        crop: str | None = "face"
        label: str = ""

    assert build_options(Named, {"crop": "none", "label": "none"}, "x") == Named(crop=None, label="none")


def test_a_validator_of_a_plugin_sees_the_text_that_was_given():
    class Sized(Options):
        size: tuple[int, int] = (8, 8)

        @field_validator("size", mode="before")
        @classmethod
        def _split(cls, value: Any) -> Any:
            return value.split("x") if isinstance(value, str) else value

    assert build_options(Sized, {"size": "4x2"}, "x").size == (4, 2)


def test_a_wrong_part_of_a_sequence_names_its_place():
    with pytest.raises(UsageError, match=r"option layers\.1='deep'"):
        build_options(Network, {"layers": "64,deep"}, "estimator x")


# What differs from the defaults


def test_nothing_changed_where_nothing_was_given():
    assert changed_options(Network()) == {}


def test_a_changed_option_is_listed_and_the_others_are_not():
    assert changed_options(build_options(Network, {"batch_size": "8", "flip": "yes"}, "estimator x")) == {
        "batch_size": 8,
        "flip": True,
    }


def test_changed_options_are_ready_for_json():
    changed = changed_options(build_options(Network, {"weights": "a/b.npz", "grid": (4, 2)}, "estimator x"))

    assert json.loads(json.dumps(changed)) == {"weights": "a/b.npz", "grid": [4, 2]}


@pytest.mark.parametrize(
    ("key", "default"),
    [("batch_size", "16"), ("scale", "1"), ("backbone", "small"), ("layers", [64, 32]), ("grid", (8, 8))],
)
def test_an_option_given_as_its_default_is_not_changed(key, default):
    assert changed_options(build_options(Network, {key: default}, "estimator x")) == {}


def test_a_path_given_as_its_default_is_not_changed():
    class Stored(Options):
        folder: Path = Path("runs")

    assert changed_options(build_options(Stored, {"folder": "runs"}, "estimator x")) == {}
