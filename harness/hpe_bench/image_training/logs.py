"""Logs for TensorBoard beside the run of a training, where TensorBoard is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hpe_bench.storage import make_folder
from hpe_bench.training import Training


class Silent:
    """Logs that are not kept."""

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Forget a value."""


@contextmanager
def open_logs(training: Training, steps: int) -> Iterator[Any]:
    """What takes ``add_scalar(name, value, step)``; what was logged of steps beyond the first ``steps`` is dropped."""
    wanted = training.options.tensorboard and training.leads
    if not wanted or importlib.util.find_spec("tensorboard") is None:
        yield Silent()
        return
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(make_folder(training.logs)), purge_step=steps or None)
    try:
        yield writer
    finally:
        writer.close()
