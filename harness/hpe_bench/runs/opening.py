"""An estimator with its weights loaded, outside of any evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpe_bench.errors import HpeBenchError, RunFailed, UsageError
from hpe_bench.estimators import Estimator
from hpe_bench.faults import error_in_words, faults_of
from hpe_bench.options import build_options, changed_options
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
    name, given = parse_estimator(registry, spec, options)
    if name == ORACLE:
        raise UsageError(f"{ORACLE} is the truth of a dataset, and knows nothing of other images")
    kind: type[Estimator] = registry.get("estimators", name).load()
    require_packages(name, kind)
    built = build_options(kind.Options, given, f"estimator {name}")
    label = ":".join([name, *(f"{option}={value}" for option, value in changed_options(built).items())])
    try:
        with faults_of(label):
            opened = kind(built)
            opened.load(find_weights(opened, name, folders), choose_device(kind, device, name=name))
    except HpeBenchError:
        raise
    except Exception as error:
        raise RunFailed(f"{label} failed: {error_in_words(error)}") from error
    return label, opened
