"""Samples of a report, each with the axes of its true and its predicted pose, and its image where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpe_bench.comparison.columns import figure
from hpe_bench.comparison.curves import Array, Scored, worst_samples
from hpe_bench.comparison.report.markup import Markup, element, join
from hpe_bench.pose import rotation_from_euler
from hpe_bench.runs.runfile import marked_label

#: The head's own axes, as they are drawn: to its left, down, and out of its face, which is against the third column.
_AXES = (("left", 0, 1.0), ("down", 1, 1.0), ("front", 2, -1.0))


def worst_cards(run: Scored, count: int, images: Mapping[str, str]) -> Markup:
    """The samples with the largest geodesic errors."""
    return _list([_card(run, int(place), images) for place in worst_samples(run, count)])


def disagreement_cards(
    records: Sequence[Mapping[str, Any]], runs: Sequence[Scored], images: Mapping[str, str]
) -> Markup:
    """The samples on which estimators disagree most, each with the axes that all of them predict."""
    cards = []
    for record in records:
        id = str(record["id"])
        places = [(run, np.flatnonzero(run.samples.ids == id)) for run in runs]
        found = [(run, int(place[0])) for run, place in places if len(place)]
        first, place = found[0]
        predicted = [rotation_from_euler(run.predicted[own]) for run, own in found if run.samples.found[own]]
        errors = sorted(record["errors"], key=lambda error: float(error["ge"]))
        lines = (f"{figure(error['ge'])}° {marked_label(error)}" for error in errors)
        cards.append(
            element(
                "figure",
                _picture(id, first.samples.truth[place], predicted, images),
                element(
                    "figcaption",
                    element("b", id),
                    element("span", f"{figure(record['disagreement'])}° apart"),
                    element("span", f"true {_angles(first.truth[place])}"),
                    element(
                        "details",
                        element("summary", "errors"),
                        element("ul", *(element("li", line) for line in lines)),
                    ),
                ),
            )
        )
    return _list(cards)


def _card(run: Scored, place: int, images: Mapping[str, str]) -> Markup:
    id, found = str(run.samples.ids[place]), bool(run.samples.found[place])
    predicted = [rotation_from_euler(run.predicted[place])] if found else []
    told = f"predicted {_angles(run.predicted[place])}" if found else "no prediction: the zero pose"
    return element(
        "figure",
        _picture(id, run.samples.truth[place], predicted, images),
        element(
            "figcaption",
            element("b", id),
            element("span", f"GE {figure(float(run.error('ge')[place]))}°"),
            element("span", f"true {_angles(run.truth[place])}"),
            element("span", told),
        ),
    )


def _picture(id: str, truth: Array, predicted: Sequence[Array], images: Mapping[str, str]) -> Markup:
    image = element("img", alt=f"sample {id}", data_image=id) if id in images else None
    # The true axes last: above all others.
    lines = [*(line for rotation in predicted for line in _axes(rotation, "predicted")), *_axes(truth, "true")]
    drawing = element("svg", *lines, viewBox="-50 -50 100 100", role="img", aria_label=f"axes of {id}")
    return element("div", image, drawing, class_="picture")


def _axes(rotation: Array, kind: str) -> list[Markup]:
    lines = []
    for name, column, sign in _AXES:
        x, y = (round(sign * 42 * float(rotation[row, column]), 1) for row in (0, 1))
        lines.append(element("line", x1=0, y1=0, x2=x, y2=y, class_=f"{kind} {name}"))
    return lines


def _angles(euler: Array) -> str:
    return ", ".join(f"{angle:.0f}°" for angle in euler.tolist())


def _list(cards: Sequence[Markup]) -> Markup:
    return element("div", join(cards), class_="cards")
