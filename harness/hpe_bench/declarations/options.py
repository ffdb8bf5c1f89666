"""What is wrong with the options that a plugin's class declares, of estimating, of training, and of presets."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from hpe_bench.declarations import values as declared
from hpe_bench.errors import HpeBenchError, did_you_mean
from hpe_bench.options import Options, build_options, written


def problems_of_options(kind: Any, field: str) -> Iterator[str]:
    """What keeps a model of options from being filled from the command line."""
    model, owner = getattr(kind, field), f"{kind.__name__}.{field}"
    if not (inspect.isclass(model) and issubclass(model, Options)):
        yield f"{owner} is not a subclass of hpe_bench.Options"
        return
    for name, spec in model.model_fields.items():
        if spec.is_required():
            yield f"{owner}.{name} has no default: write {name}: int = Field(1, description=...)"
    if any(spec.is_required() for spec in model.model_fields.values()):
        return
    defaults = {name: spec.get_default(call_default_factory=True) for name, spec in model.model_fields.items()}
    try:
        values = build_options(model, defaults, owner).model_dump(mode="json")
        json.dumps(values, allow_nan=False)
    except HpeBenchError as error:
        yield f"{error} (its own default)"
        return
    except Exception as error:  # a stranger's validators and types
        yield f"{owner} cannot be written as JSON: {type(error).__name__}: {error}"
        return
    for name, value in values.items():
        try:
            same = getattr(build_options(model, {name: written(value)}, owner), name) == getattr(model(), name)
        except HpeBenchError as error:
            yield f"{owner}.{name} cannot be given as {name}={written(value)}, its default: {error}"
            continue
        except Exception as error:
            yield f"{owner}.{name} cannot be given as {name}={written(value)}: {type(error).__name__}: {error}"
            continue
        if not same:
            yield f"{owner}.{name} given as {name}={written(value)} is not its default any more"
    if problem := declared.misfit_of(model.idle, ("self", "purpose")):
        yield f"{owner}.idle is called as idle(purpose); {problem}"
    known = set(model.model_fields)
    for name in sorted(set(model.bystanders) - known):
        yield f"{owner}.bystanders names no option '{name}'{did_you_mean(name, known)}"


def inherited_by_name(kind: Any) -> Iterator[str]:
    """That training inherits the options of estimating: a class body looks names up in itself first, and ``Options``
    means the class that stands above in it."""
    for owner in kind.__mro__:
        own, training = vars(owner).get("Options"), vars(owner).get("TrainingOptions")
        made_here = inspect.isclass(training) and training.__qualname__.startswith(f"{owner.__qualname__}.")
        if made_here and own is not None and own in training.__bases__:
            yield (
                f"{owner.__name__}.TrainingOptions inherits {owner.__name__}.Options, its options of estimating "
                f"({', '.join(own.model_fields) or 'none'}), since the name Options means those below their class: "
                "put TrainingOptions before Options"
            )


def problems_of_preset(kind: Any, name: str, preset: Any) -> Iterator[str]:
    """What keeps a preset's options from being those of the training."""
    model = kind.TrainingOptions
    if model is None and "presets" in vars(kind):
        yield f"{kind.__name__} has the preset '{name}' but no TrainingOptions"
    elif inspect.isclass(model) and issubclass(model, Options):
        try:
            build_options(model, preset.options, f"{kind.__name__}.presets['{name}']")
        except HpeBenchError as error:
            yield str(error)
        except Exception as error:
            yield f"{kind.__name__}.presets['{name}'] does not fit: {type(error).__name__}: {error}"
