"""What differs between two keys, in words."""

from __future__ import annotations

import pytest

from hpe_bench.provenance.differences import differences

KEY = {
    "estimator": "mine",
    "code": {"a": "1", "b": "2", "c": "3", "d": "4"},
    "data": {"a/table.txt": "5"},
    "versions": {"scipy": "1.1", "torch": None},
    "options": {"size": 3},
    "weights": {"all": "6"},
    "dataset": {"fingerprint": "7"},
    "seed": 0,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, []),
        ({"code": {**KEY["code"], "b": "0"}}, ["the code of b"]),
        ({"code": {"a": "0", "b": "0", "c": "0", "d": "0"}}, ["the code of a, b, c and 1 more"]),
        ({"data": {"a/table.txt": "0"}}, ["the file a/table.txt"]),
        ({"versions": {"scipy": "1.2", "torch": "2.6"}}, ["scipy 1.2, was 1.1", "torch 2.6, was none"]),
        ({"options": {"size": 4}}, ["size 4, was 3"]),
        ({"weights": {"all": "0"}}, ["the weights"]),
        ({"dataset": {"fingerprint": "0"}}, ["the labels, files or options of the data"]),
        ({"seed": 1}, ["seed 1, was 0"]),
    ],
)
def test_each_part_that_differs_is_named(change, words):
    assert differences(KEY, {**KEY, **change}) == words


def test_a_key_of_an_earlier_version_kept_no_account_of_code():
    old = {**KEY, "code": {"harness": "8", "estimator": "9"}}
    assert differences(old, KEY) == ["the code, of which an earlier version of hpe-bench kept no account"]
