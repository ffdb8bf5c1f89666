"""The figures of docs/originals.md, computed again where the originals' files and images are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hpe_bench import evaluate

PAGE = Path(__file__).parents[1] / "docs" / "originals.md"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="no docs: not a checkout")

#: Powell's method, and FaceMesh on another processor, may differ in their last digits.
NEAR = 0.05


def rows(system):
    """The rows of a system's tables: estimator, crop or None, and the figures MAE, GE, n, and MAE of 24."""
    found = []
    for table in re.findall(rf"<!-- {system}, [^\n]* -->\n\n(.*?)\n\n", PAGE.read_text(), flags=re.DOTALL):
        for line in table.splitlines()[2:]:
            _, estimator, *figures = (cell.strip() for cell in line.strip("|").split("|"))
            spec, _, crop = estimator.strip("`").partition(" --crop ")
            found.append((spec, crop or None, [float(figure) for figure in figures]))
    return found


def evaluated(shared, specs, crop, **options):
    pytest.importorskip("torch")
    pytest.importorskip("mediapipe")
    root, weights = shared("data/aflw2000-dev"), shared("weights")
    return evaluate(specs, protocol="aflw2000/nlml", view="detected", root=root, weights=weights, crop=crop, **options)


def test_the_page_has_every_choice_of_nlml_hpe_both_ways():
    assert len(rows("nlml")) == 11


@pytest.mark.parametrize("crop", [None, "6drepnet", "nlml"])
def test_what_each_choice_of_nlml_hpe_does_on_24_images(shared, crop):
    stated = {spec: figures[3] for spec, own, figures in rows("nlml") if own == crop}
    found = evaluated(shared, list(stated), crop, limit=24)
    measured = dict(zip(found.label, found.mae_mean, strict=True))
    assert measured == {label_of(spec, measured): pytest.approx(mae, abs=NEAR) for spec, mae in stated.items()}


def label_of(spec, labels):
    """The row of an estimator: a label has its options in an order of its own."""
    return next(label for label in labels if sorted(label.split(":")) == sorted(spec.split(":")))


def test_ours_of_nlml_hpe_on_all_images(shared):
    ((mae, ge, n, _),) = [figures for spec, crop, figures in rows("nlml") if (spec, crop) == (OURS, None)]
    row = evaluated(shared, OURS, None).iloc[0]
    assert (row.mae_mean, row.ge_mean) == pytest.approx((mae, ge), abs=NEAR) and row.n == n


OURS = "nlml-tensor:weights=released"
