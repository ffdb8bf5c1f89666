"""The page: what was scored, put together with the style and the script into one file that needs no other."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from hpe_bench.comparison.columns import DASH, figure
from hpe_bench.comparison.curves import Scored
from hpe_bench.comparison.report.charts import charts
from hpe_bench.comparison.report.markup import Markup, data_block, element, join
from hpe_bench.comparison.report.samples import disagreement_cards, worst_cards
from hpe_bench.comparison.report.tables import claims_table, comparison_sheets, comparison_table, range_table
from hpe_bench.comparison.scores import SANITY
from hpe_bench.metrics import View
from hpe_bench.options import written_pairs
from hpe_bench.provenance import packages
from hpe_bench.runs.runfile import Run
from hpe_bench.text import safe_text

IMAGES_NOTE = (
    "This report contains images of the dataset. Where the dataset may be used for research only, "
    "the report must not be passed on or published either."
)


@dataclass(frozen=True)
class Content:
    """What a report shows. ``records`` and ``scored`` are by view, in one order of the runs; records of what did not
    run follow. ``ranges`` are records by |yaw|, ``images`` data URIs by id."""

    runs: Sequence[Run]
    view: View
    records: Mapping[View, Sequence[Mapping[str, Any]]]
    scored: Mapping[View, Sequence[Scored]]
    ranges: Sequence[Mapping[str, Any]]
    claims: Sequence[Mapping[str, Any]]
    disagreements: Sequence[Mapping[str, Any]]
    worst: int
    metrics: Sequence[str] = ()
    images: Mapping[str, str] = field(default_factory=dict)


def report_page(content: Content) -> str:
    """The whole page, HTML."""
    sheets = comparison_sheets(content.records, content.metrics)
    by_run = {str(run.path): place for place, run in enumerate(content.runs)}
    # Sections and colours have the order of the shown table, but for rows that check the harness, which come last.
    records = sorted(sheets[content.view].records, key=lambda record: record["estimator"] in SANITY)
    order = [by_run[record["run"]] for record in records]
    places = {str(content.runs[own].path): place for place, own in enumerate(order)}
    scored = {view: [runs[own] for own in order] for view, runs in content.scored.items()}
    shown = scored[content.view]
    data = {
        "view": content.view,
        "estimators": [{"label": run.label, "sanity": run.estimator in SANITY} for run in shown],
        "images": {safe_text(id): image for id, image in content.images.items()},
        **charts(scored),
    }
    protocol = ", ".join(sorted({str(run.manifest["protocol"]["name"]) for run in content.runs}))
    head = element(
        "header",
        element("h1", protocol),
        element("p", _about(content)),
        element("p", IMAGES_NOTE, class_="warning") if content.images else None,
    )
    main = element(
        "main",
        _section(
            "comparison-section",
            "Comparison",
            _controls(list(content.records), content.view),
            comparison_table(sheets, content.view, places),
        ),
        _published(content.claims, protocol),
        _charts_section(data),
        _disagreement_section(content, shown),
        _section(
            "estimators",
            "Estimators",
            _glyph_key(),
            *(_estimator(place, content.runs[own], content, shown[place]) for place, own in enumerate(order)),
        ),
    )
    version = packages.version("hpe-bench")
    foot = element(
        "footer", element("p", f"Made by hpe-bench {version or ''}, from run files alone; nothing is loaded.")
    )
    return _document(protocol, join([head, main, foot, data_block("data", data)]))


def _document(title: str, body: Markup) -> str:
    style, script = (_resource(name) for name in ("style.css", "script.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title}: hpe-bench"),
        Markup(f"<style>{style}</style>"),
    )
    page = element("html", head, element("body", body, Markup(f"<script>{script}</script>")), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _resource(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy knows an inline style or script by: any other is not run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _section(id: str, title: str, *children: Markup | None) -> Markup:
    return element("section", element("h2", title), *children, id=id)


def _about(content: Content) -> str:
    data = sorted(
        {(str(own["name"]), str(own["fingerprint"])) for own in (run.manifest["dataset"] for run in content.runs)}
    )
    named = ", ".join(f"{name} (fingerprint {fingerprint[:10]})" for name, fingerprint in data)
    made = sorted(str(run.manifest["started"])[:10] for run in content.runs)
    dates = made[0] if made[0] == made[-1] else f"{made[0]} to {made[-1]}"
    count = len(content.runs)
    return f"{count} {'run' if count == 1 else 'runs'} on {named}, made {dates}. Errors in degrees."


def _controls(views: Sequence[View], shown: View) -> Markup:
    options = (element("option", view, value=view, selected=view == shown) for view in views)
    return element(
        "div",
        element("label", "Filter ", element("input", type="search", id="filter", placeholder="estimator")),
        element("label", "View ", element("select", *options, id="view")) if len(views) > 1 else None,
        element("label", element("input", type="checkbox", id="sanity", checked=True), " rows that check the harness"),
        element("output", id="count", aria_live="polite"),
        class_="controls script-only",
    )


def _published(claims: Sequence[Mapping[str, Any]], protocol: str) -> Markup | None:
    if not claims:
        return None
    text = (
        f"Claims of papers for {protocol}, as their sources state them, in degrees. They were not measured here: "
        "crop, selection and training may differ from those above in ways that the sources do not tell."
    )
    return element(
        "section",
        element("h2", "Published, not measured here"),
        element("p", text),
        claims_table(claims),
        id="published",
        class_="apart",
    )


def _charts_section(data: Mapping[str, Any]) -> Markup:
    titles = {
        "error": "Error against the true angle",
        "ranges": "Error by range of |yaw|",
        "cumulative": "Cumulative error",
        "angles": "Predicted against true angles",
        "risk": "Risk and coverage",
    }
    if not any(data["risk"]):
        del titles["risk"]
    figures = (
        element(
            "figure",
            element("figcaption", element("h3", title), element("div", class_="choices")),
            element("div", class_="canvas"),
            element("p", class_="note"),
            class_="chart",
            id=f"chart-{name}",
        )
        for name, title in titles.items()
    )
    return _section(
        "charts",
        "Charts",
        element("noscript", element("p", "The charts are drawn by a script, which is switched off here.")),
        element("div", id="legend", role="group", aria_label="Estimators in the charts"),
        *figures,
    )


def _disagreement_section(content: Content, shown: Sequence[Scored]) -> Markup | None:
    if not content.disagreements:
        return None
    rivals = [run for run in shown if run.estimator not in SANITY]
    text = "The samples whose predictions are the farthest apart, in the mean over all pairs of estimators."
    return _section(
        "disagreement",
        "Where estimators disagree",
        element("p", text),
        _glyph_key(),
        disagreement_cards(content.disagreements, rivals, content.images),
    )


def _glyph_key() -> Markup:
    return element(
        "p",
        "Axes of the head: ",
        element("span", "its left", class_="key left"),
        ", ",
        element("span", "down", class_="key down"),
        " and ",
        element("span", "out of the face", class_="key front"),
        "; dashed the true ones, solid those predicted. Angles are yaw, pitch, roll.",
        class_="note",
    )


def _estimator(place: int, run: Run, content: Content, scored: Scored) -> Markup:
    record = next(own for own in content.records[content.view] if own.get("run") == str(run.path))
    ranges = [own for own in content.ranges if own["run"] == str(run.path) and own["n"]]
    return element(
        "details",
        element("summary", element("span", run.marked_label), element("small", _headline(record))),
        _facts(run, record),
        element("h4", f"By range, view '{content.view}'") if ranges else None,
        range_table(ranges),
        element("h4", "Worst samples") if len(scored) else None,
        worst_cards(scored, content.worst, content.images) if len(scored) else None,
        element(
            "details",
            element("summary", "Manifest"),
            element("pre", json.dumps(dict(run.manifest), indent=1, ensure_ascii=False, default=str), tabindex=0),
            class_="manifest",
        ),
        class_="estimator",
        id=f"estimator-{place}",
        open=place == 0,
    )


def _headline(record: Mapping[str, Any]) -> str:
    return f"MAE {figure(record['mae']['mean'])}  GE {figure(record['ge']['mean'])}"


def _facts(run: Run, record: Mapping[str, Any]) -> Markup:
    manifest = run.manifest
    weights = ", ".join(f"{role} {own['file']} {own['sha256'][:12]}" for role, own in manifest["weights"].items())
    limits = (f"{100 * share:.1f}% ≤ {limit}°" for limit, share in record["accuracy"].items() if share is not None)
    facts = {
        "vectors": ", ".join(f"{name} {figure(value)}" for name, value in record["vmae"].items()),
        "GE within": ", ".join(limits) or DASH,
        "options": ", ".join(written_pairs(manifest["options"])) or "none",
        "weights": weights or "none",
        "plugin": " ".join(str(manifest["plugin"].get(key, "")) for key in ("name", "distribution", "version")),
        "crop": f"{manifest['inputs'].get('crop') or 'none'}",
        "made": f"{manifest['started']} on {manifest['device']}, seed {manifest['seed']}",
        "run": str(run.path.name),
    }
    return element("dl", *(part for name, text in facts.items() for part in (element("dt", name), element("dd", text))))
