"""hpe-bench info"""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import click

from hpe_bench.cli.common import (
    find_folders,
    in_words,
    listing,
    load_registry,
    plugin_options,
    print_json,
    print_rich,
)
from hpe_bench.errors import UnknownName
from hpe_bench.plugins import KINDS


@click.command("info")
@click.argument("name")
@plugin_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
def command(name: str, plugins: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Tell all about an estimator, a dataset, a protocol, an extractor or a metric."""
    registry = load_registry(plugins, strict)
    found = [registry.get(kind, name) for kind in KINDS if name in registry.names(kind)]
    if not found:
        raise UnknownName("estimator, dataset or protocol", name, [n for kind in KINDS for n in registry.names(kind)])
    records = [_record(registry, entry) for entry in found]
    if as_json:
        print_json(records)
        return
    for record in records:
        options, training = record.pop("options", []), record.pop("training", None)
        importing = record.pop("import_options", [])
        sets = record.pop("weights", [])
        rows = [[key, in_words(value)] for key, value in record.items() if value not in (None, "", [], {})]
        rows += [["" if place else "weights", told] for place, told in enumerate(sets)]
        print_rich(listing([record["kind"], record["name"]], [row for row in rows if row[0] not in ("kind", "name")]))
        if options:
            print_rich(_options_table("option", options))
        if importing:
            print_rich(_options_table("import option", importing))
        if training:
            print_rich(_options_table("training option", training["options"]))
            rows = [[p["preset"], _preset_in_words(p), p["summary"]] for p in training["presets"]]
            if rows:
                print_rich(listing(["preset", "options", ""], rows))


def _options_table(heading: str, options: Any) -> Any:
    rows = [[o["option"], o["type"], o["default"], o["description"]] for o in options]
    return listing([heading, "type", "default", ""], rows)


def _preset_in_words(preset: dict[str, Any]) -> str:
    """What a preset sets, as it would stand on the command line."""
    words = [f"--dataset {name}" for name in preset["datasets"]]
    main = preset["datasets"][0] if preset["datasets"] else None
    for dataset, options in preset["dataset_options"].items():
        prefix = "" if dataset == main else f"{dataset}."
        words += [f"-d {prefix}{name}={value}" for name, value in options.items()]
    return " ".join([*words, *(f"-o {name}={value}" for name, value in preset["options"].items())])


def _record(registry: Any, entry: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "kind": entry.kind.removesuffix("s"),
        "name": entry.name,
        "summary": entry.summary,
        "licence": entry.licence,
        "url": entry.url,
        "citation": entry.citation,
        "plugin": f"{entry.plugin.name} ({entry.plugin.distribution} {entry.plugin.version})".replace(" )", ")"),
    }
    thing = entry.load()
    if entry.kind == "estimators":
        record["input"] = str(thing.inputs)
        record["devices"] = ", ".join(thing.devices)
        record["needs packages"] = ", ".join(thing.requires)
        record["weights"] = _weights(thing, entry.name)
        if thing.ImportOptions is not None:
            record["import_options"] = _options(thing.ImportOptions)
        if thing.TrainingOptions is not None:
            record["training"] = {
                "options": _options(thing.TrainingOptions),
                "presets": [
                    {
                        "preset": name,
                        "summary": preset.summary,
                        "datasets": list(preset.datasets),
                        "options": dict(preset.options),
                        "dataset_options": {key: dict(value) for key, value in preset.dataset_options.items()},
                    }
                    for name, preset in thing.presets.items()
                ],
            }
            record["companions"] = ", ".join(thing.companions)
    if entry.kind == "datasets":
        record["crops"] = (
            {rule.name: rule.summary for rule in thing.crops.values()} if "images" in thing.provides else {}
        )
        record["provides"] = ", ".join(sorted(thing.provides))
        record["protocols"] = [p.name for p in registry.entries("protocols") if p.name.startswith(f"{entry.name}/")]
        record["how to get it"] = thing.how_to_get
    if entry.kind == "protocols":
        limits = {name: ends for name, ends in vars(thing.selection).items() if ends}
        selection = {name: f"{low:g} to {high:g}" for name, (low, high) in limits.items()}
        record.update(
            selection=selection or "all samples",
            crop=thing.crop,
            samples=thing.expected,
            cluster=thing.cluster,
            warning=thing.warning,
        )
        record["dataset options"] = dict(thing.dataset_options)
        record.update(version=thing.version, digest=thing.digest()[:16])
    if entry.kind == "extractors":
        record.update(identity=thing.identity, points=thing.points)
    if entry.kind in ("estimators", "datasets"):
        record["options"] = _options(thing.Options)
    return record


def _weights(kind: Any, name: str) -> list[str]:
    """Each set of weights that is there, with both licences."""
    from hpe_bench.runs.weights import stored_sets

    told = []
    for own in stored_sets(kind, name, find_folders()):
        card = own.card
        origin = "came with hpe-bench" if card and card.shipped else str(next(iter(own.files.values())).parent)
        told.append(
            f"{own.name} ({origin}): trained on {card.trained_on or 'what nobody says'}; licence of the weights: "
            f"{card.licence or 'not stated'}; of what they learned from: {card.data_licence or 'not stated'}"
            if card
            else f"{own.name} ({origin}): no card says what it is"
        )
    return told


def _options(model: Any) -> list[dict[str, str]]:
    return [
        {
            "option": name,
            "type": _type_in_words(field.annotation),
            "default": str(field.get_default(call_default_factory=True)),
            "description": field.description or "",
        }
        for name, field in model.model_fields.items()
    ]


def _type_in_words(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is tuple:
        return ",".join(_type_in_words(part) for part in get_args(annotation))
    parts = [part for part in get_args(annotation) if part is not type(None)] or [annotation]
    if parts != [annotation] and get_origin(parts[0]) is Literal:
        return _type_in_words(parts[0])
    return " or ".join(getattr(part, "__name__", str(part)).lower() for part in parts)
