"""An estimator outside of any evaluation: with its weights loaded, or what it shows of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpe_bench.charts import Chart
from hpe_bench.declarations import values as declared
from hpe_bench.errors import HpeBenchError, RunFailed, UsageError
from hpe_bench.estimators import Estimator
from hpe_bench.faults import error_in_words, faults_of
from hpe_bench.options import Options, build_options, changed_options, written_pairs
from hpe_bench.plugins import ORACLE, Registry
from hpe_bench.runs.evaluate import parse_estimator
from hpe_bench.runs.job import choose_device, require_packages
from hpe_bench.runs.weights import find_weights
from hpe_bench.settings import Folders


def open_by_name(
    registry: Registry, spec: str, options: Mapping[str, Any], device: str, folders: Folders
) -> tuple[str, Estimator]:
    """The label and the estimator of ``name:option=value:...``, ready to predict.

    Raises :class:`UsageError` for an unknown name or option, :class:`MissingError` where weights or packages are
    missing, :class:`RunFailed` where it fails to load.
    """
    name, label, kind, built = _named(registry, spec, options, "knows nothing of other images")
    with _failing(label):
        opened = kind(built)
        opened.load(find_weights(opened, name, folders), choose_device(kind, device, name=name))
    return label, opened


def charts_by_name(registry: Registry, spec: str, folders: Folders) -> tuple[str, Sequence[Chart]]:
    """The label of ``name:option=value:...``, and what it shows of its model; errors as of :func:`open_by_name`, and
    :class:`UsageError` where it shows nothing."""
    name, label, kind, built = _named(registry, spec, {}, "has no model")
    with _failing(label):
        asked = kind(built)
        charts = list(asked.charts(find_weights(asked, name, folders)))
        for chart in charts:
            declared.instance(f"{kind.__name__}.charts", "returned", chart, Chart)
    if not charts:
        raise UsageError(f"{label} has no charts of its model: there is nothing to draw")
    return label, charts


def _named(
    registry: Registry, spec: str, options: Mapping[str, Any], lack: str
) -> tuple[str, str, type[Estimator], Options]:
    """Name, label, class and options of an estimator, which is not the oracle."""
    name, given = parse_estimator(registry, spec, options)
    if name == ORACLE:
        raise UsageError(f"{ORACLE} is the truth of a dataset, and {lack}")
    kind: type[Estimator] = registry.get("estimators", name).load()
    require_packages(name, kind)
    built = build_options(kind.Options, given, f"estimator {name}")
    label = ":".join([name, *written_pairs(changed_options(built))])
    return name, label, kind, built


@contextlib.contextmanager
def _failing(label: str) -> Iterator[None]:
    """What goes wrong in the block in a plugin's code is :class:`RunFailed`."""
    try:
        with faults_of(label):
            yield
    except HpeBenchError:
        raise
    except Exception as error:
        raise RunFailed(f"{label} failed: {error_in_words(error)}") from error
