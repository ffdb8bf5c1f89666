"""Where pictures and videos go: planned before anything is read, written whole or not at all, never over an input."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import StorageError, UsageError
from hpe_bench.inference.frames import Input
from hpe_bench.inference.sources import FILMS, PICTURES
from hpe_bench.plugins import Registry
from hpe_bench.runs.evaluate import parse_estimator
from hpe_bench.storage import write_atomically
from hpe_bench.text import printable

_KEPT = (".jpg", ".jpeg", ".png")
#: What a file is called, and no folder; not all of these can be written.
_FILES = (*PICTURES, *FILMS, ".svg", ".pdf")
_QUALITY = 95
_LONGEST = 200


def plan_targets(inputs: Sequence[Input], output: Path) -> list[Path]:
    """Where the picture or video of each input goes: into a folder, or, of a single input, to a file.

    :class:`UsageError` where one would stand in an input's place, or the file's kind does not fit.
    """
    if output.suffix.lower() in _FILES and not output.is_dir():
        if len(inputs) != 1:
            raise UsageError(
                f"--output {printable(output)} is one file, and there are {len(inputs)} inputs: name a folder"
            )
        fitting = _KEPT if inputs[0].kind == "image" else (".mp4",)
        if output.suffix.lower() not in fitting:
            raise UsageError(
                f"--output {printable(output)}: {inputs[0].kind} output is written as {' or '.join(fitting)}"
            )
        targets = [output]
    else:
        targets = distinct([output / _named(one) for one in inputs])
    protect_inputs(inputs, targets)
    return targets


def folder_name(registry: Registry, spec: str, options: Mapping[str, Any]) -> str:
    """What the folder of an estimator's pictures is called: its name, and the options that are given."""
    name, given = parse_estimator(registry, spec, options)
    label = "+".join([name, *(f"{option}={value}" for option, value in sorted(given.items()))])
    return as_file_name(label)


def as_file_name(text: str) -> str:
    """A text as a part of a file's name: no separators, nothing hidden, and not longer than file systems allow."""
    plain = re.sub(r"[^\w.,=+-]", "_", text).encode()[:_LONGEST].decode(errors="ignore")
    return f"_{plain[1:]}" if plain.startswith(".") else plain


def protect_inputs(inputs: Sequence[Input], targets: Sequence[Path]) -> None:
    """:class:`UsageError` where one of the targets is an input."""
    taken = {one.path.resolve() for one in inputs if one.path is not None}
    for target in targets:
        if target.resolve() in taken:
            raise UsageError(f"{printable(target)} is an input, and is not written over: choose another place")


def require_distinct(targets: Sequence[Path]) -> None:
    """:class:`UsageError` where two of the targets are one file."""
    taken: set[Path] = set()
    for target in targets:
        if target.resolve() in taken:
            raise UsageError(f"{printable(target)} would be written twice: give every output a place of its own")
        taken.add(target.resolve())


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """An image (H, W, 3), RGB, as PNG or JPEG by its suffix."""
    import cv2

    parameters = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if path.suffix.lower() != ".png" else []
    done, content = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters)
    if not done:
        raise StorageError(
            f"{printable(path)}: the picture of {image.shape[1]} x {image.shape[0]} pixels cannot be encoded"
        )
    write_atomically(path, content.tobytes())


def _named(one: Input) -> Path:
    if one.kind != "image":
        return one.place.with_suffix(".mp4")
    return one.place if one.place.suffix.lower() in _KEPT else one.place.with_suffix(".png")


def distinct(targets: Sequence[Path]) -> list[Path]:
    """The targets, a number added to a name that was there before."""
    taken: set[Path] = set()
    out = []
    for target in targets:
        name, number = target, 1
        while name in taken:
            number += 1
            name = target.with_stem(f"{target.stem}-{number}")
        taken.add(name)
        out.append(name)
    return out
