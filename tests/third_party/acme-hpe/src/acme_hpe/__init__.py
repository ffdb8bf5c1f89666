"""What the plugin registers; the rest is imported when it is used."""

from hpe_bench import Protocol, Selection, hookimpl


@hookimpl
def register_estimators(register):
    """Add the estimator."""
    register("acme-needle", "acme_hpe.needle:Needle", summary="reads a drawn compass needle", licence="MIT")


@hookimpl
def register_datasets(register):
    """Add the dataset."""
    register("acme-compass", "acme_hpe.compass:Compass", summary="drawn compass needles", licence="MIT")


@hookimpl
def register_protocols(register):
    """Add a protocol that keeps half of them."""
    half = Protocol("acme-compass/upper", "acme-compass", "roll above zero", Selection(roll=(0.1, 180.0)))
    register(half.name, half, summary=half.summary)


@hookimpl
def register_metrics(register):
    """Add a metric."""
    register("frobenius", lambda truth, prediction: ((truth - prediction) ** 2).sum(axis=(1, 2)) ** 0.5)
