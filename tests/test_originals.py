"""The figures of docs/originals.md, computed again where the originals' files and images are."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from hpe_bench import evaluate

PAGE = Path(__file__).parents[1] / "docs" / "originals.md"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="no docs: not a checkout")

#: Whether every row on all images, and not on 24 alone.
WHOLE = bool(os.environ.get("HPE_BENCH_PARITY"))
ONLY_WHOLE = pytest.mark.skipif(not WHOLE, reason="make parity has these rows")
#: The whole row that is always computed.
OURS = "nlml-tensor:weights=released"
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


#: Rows with another crop than the estimator's own.
OTHER_CROPS = [pytest.param(crop, marks=ONLY_WHOLE) for crop in ("6drepnet", "nlml")]


@pytest.mark.parametrize("crop", [None, *OTHER_CROPS])
def test_what_each_choice_of_nlml_hpe_does_on_24_images(shared, crop):
    stated = {spec: figures[3] for spec, own, figures in rows("nlml") if own == crop}
    found = evaluated(shared, list(stated), crop, limit=24)
    measured = dict(zip(found.label, found.mae_mean, strict=True))
    assert measured == {label_of(spec, measured): pytest.approx(mae, abs=NEAR) for spec, mae in stated.items()}


def label_of(spec, labels):
    """The row of an estimator: a label has its options in an order of its own."""
    return next(label for label in labels if sorted(label.split(":")) == sorted(spec.split(":")))


@pytest.mark.parametrize("crop", [None, *OTHER_CROPS])
def test_what_each_choice_of_nlml_hpe_does_on_all_images(shared, crop):
    stated = {spec: figures for spec, own, figures in rows("nlml") if own == crop and (WHOLE or spec == OURS)}
    found = evaluated(shared, list(stated), crop).set_index("label")
    for spec, (mae, ge, n, _) in stated.items():
        row = found.loc[label_of(spec, found.index)]
        assert (row.mae_mean, row.ge_mean) == pytest.approx((mae, ge), abs=NEAR) and row.n == n
