"""hpe-bench show"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hpe_bench.cli.common import (
    count_in,
    find_runs,
    folder_options,
    in_words,
    listing,
    load_registry,
    plugin_options,
    print_json,
    print_rich,
    scoring_options,
)


@click.command("show")
@click.argument("targets", nargs=-1, metavar="[PATH|GLOB|PROTOCOL]...")
@scoring_options
@click.option("--curves", is_flag=True, help="Of trainings, also every point of their curves.")
@folder_options("results")
@plugin_options
def command(
    targets: tuple[str, ...],
    view: Any,
    wrap: Any,
    angles: Any,
    as_json: bool,
    curves: bool,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Show stored runs one by one, of evaluations and of trainings: every figure, and how it came about.

    Those named, or without any name all there are.
    """
    from hpe_bench.api import metrics_of
    from hpe_bench.comparison.scores import failure, score
    from hpe_bench.comparison.trainings import failed_record, run_page, run_record

    registry = load_registry(plugins, strict)
    found = find_runs(targets, results, every=True, trainings=True)
    count_in(found, angles)
    records = score(found.runs, view, wrap, metrics_of(registry), found.partial)
    for record, run in zip(records, [*found.runs, *found.partial], strict=True):
        record["manifest"] = dict(run.manifest)
    records += [failure(record, view, wrap) for record in found.failed]
    trainings = [*map(run_record, found.trainings), *map(failed_record, found.failed_trainings)]
    if as_json:
        print_json([*records, *trainings])
        return
    print_rich(*map(_page, records), *(run_page(record, curves) for record in trainings))


def _page(record: dict[str, Any]) -> Any:
    from rich.console import Group

    from hpe_bench.comparison.sheet import in_other_order
    from hpe_bench.options import written_pairs
    from hpe_bench.orders import order_note

    rows: list[list[str]] = [["run", str(record["run"] or "none")], ["protocol", record["protocol"]]]
    if "skipped" in record:
        return listing([record["label"], ""], [*rows, ["", record["skipped"]]])
    manifest = record["manifest"]
    order = [order_note(record["angles"])] if in_other_order(record) else []
    rows += [
        ["view, wrap", f"{record['view']}, {record['wrap']}"],
        *(["angles", note] for note in order),
        [
            "samples",
            f"{record['n']:,} scored of {record['n_total']:,}, coverage {_percent(record['coverage'])}",
        ],
        ["MAE", _figures(record["mae"])],
        ["VMAE", _figures(record["vmae"])],
        ["GE", _figures(record["ge"])],
        ["sd of errors", _figures(record["sd"])],
        [
            "GE within",
            ", ".join(
                f"{limit}°: {100 * share:.1f}%" for limit, share in record["accuracy"].items() if share is not None
            ),
        ],
        *([name, f"{value:.3f}"] for name, value in record["metrics"].items() if value is not None),
        *([["risk, coverage", _risk(record["risk_coverage"])]] if record["risk_coverage"] else []),
        ["parameters", "not known" if record["parameters"] is None else f"{record['parameters']:,}"],
        ["device", str(record["device"])],
        ["options", ", ".join(written_pairs(manifest["options"])) or "none"],
        ["plugin", " ".join(str(manifest["plugin"][key]) for key in ("name", "distribution", "version"))],
        [
            "weights",
            ", ".join(f"{role} {w['file']} {w['sha256'][:12]}" for role, w in manifest["weights"].items()) or "none",
        ],
        *_licences(manifest),
        [
            "crop",
            f"{manifest['inputs']['crop'] or 'none'}; landmarks by {manifest['inputs']['extractor'] or 'none'}",
        ],
        ["dataset", f"{record['dataset']}, fingerprint {record['fingerprint'][:16]}"],
        *([key, in_words(value)] for key, value in manifest["dataset"].get("about", {}).items()),
        ["made", f"{manifest['started']} in {manifest['seconds']} s, seed {manifest['seed']}"],
        ["commit", manifest["git_commit"] or "unknown"],
        ["versions", ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())],
        *(["note", note] for note in record["notes"] if note not in order),
    ]
    page = listing([record["label"], ""], rows)
    return page if record["clusters"] is None else Group(page, _clusters(record["clusters"]))


def _licences(manifest: dict[str, Any]) -> list[list[str]]:
    """Licences and what to cite, as far as the run says it."""
    own, data = manifest.get("reference") or {}, manifest["dataset"].get("reference") or {}
    card = manifest.get("card") or {}
    told = {
        "licences": "; ".join(
            f"{what}: {licence}"
            for what, licence in (
                ("estimator", own.get("licence")),
                ("weights", card.get("licence")),
                ("what they learned from", card.get("data_licence")),
                ("dataset", data.get("licence")),
            )
            if licence
        ),
        "cite": "; ".join(cited for cited in (own.get("citation"), data.get("citation")) if cited),
    }
    return [[name, text] for name, text in told.items() if text]


def _clusters(clusters: dict[str, Any]) -> Any:
    rows = [
        [name, f"{own['n']:,}", _percent(own["coverage"]), *(_mean(own[key]) for key in ("mae", "vmae", "ge"))]
        for name, own in clusters["figures"].items()
    ]
    return listing([clusters["by"], "n", "coverage", "MAE", "VMAE", "GE"], rows)


def _mean(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _figures(values: dict[str, float | None]) -> str:
    return (
        ", ".join(f"{name} {'–' if value is None else f'{value:.3f}'}" for name, value in values.items()) + " degrees"
    )


def _risk(areas: dict[str, Any]) -> str:
    return (
        f"AURC {areas['aurc']:.3f} degrees of GE; {areas['aurc_best']:.3f} if the confidence knew the errors, "
        f"{areas['aurc_none']:.3f} if it knew nothing"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"
