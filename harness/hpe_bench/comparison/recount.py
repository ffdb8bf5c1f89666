"""Stored runs, their MAE counted in another order of the angles than their protocol's: they hold rotations."""

from __future__ import annotations

from dataclasses import replace

from hpe_bench.orders import EulerOrder
from hpe_bench.runs.runfile import Run


def recount(run: Run, order: EulerOrder | None) -> Run:
    """The run with its MAE counted in an order; its manifest says from which one, under ``recounted``. The run itself
    where there is no order, or it is its protocol's own."""
    if order is None or order == run.order:
        return run
    protocol = {**run.manifest["protocol"], "angles": order}
    return replace(run, manifest={**run.manifest, "protocol": protocol, "recounted": run.order})
