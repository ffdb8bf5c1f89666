"""What is known of each face as rows: for CSV, JSON and tables."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpe_bench.inference.estimating import Answered
from hpe_bench.pose import ANGLES, euler_from_rotation

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]

_BOX = ("left", "top", "right", "bottom")
_ENTRIES = tuple(f"r{row}{column}" for row in range(3) for column in range(3))
COLUMNS = ("file", "frame", "time", "face", *_BOX, *ANGLES, *_ENTRIES, "confidence", "presence")


def records_of(answered: Answered) -> list[Record]:
    """A record for each face of a frame; one without a face, whose ``face`` is None, where there is none.

    ``time`` in seconds, None of an image; ``box`` left, top, right, bottom in pixels; angles in degrees and
    ``rotation`` None where there is no answer; ``confidence`` as the estimator gave it, else None; ``presence`` how
    sure the landmark model is of a face.
    """
    frame = answered.frame
    head = {"file": frame.source.name, "frame": frame.index, "time": _rounded(frame.time, 6)}
    if not answered.answers:
        nothing = dict.fromkeys(("face", "box", *ANGLES, "rotation", "confidence", "presence"))
        return [{**head, **nothing}]
    records = []
    for answer in answered.answers:
        found = bool(np.isfinite(answer.rotation).all())
        euler = euler_from_rotation(answer.rotation).tolist() if found else (None, None, None)
        angles = dict(zip(ANGLES, (_rounded(angle, 4) for angle in euler), strict=True))
        records.append(
            {
                **head,
                "face": answer.id,
                "box": [round(side, 1) for side in answer.face.box.tolist()],
                **angles,
                "rotation": (np.round(answer.rotation, 9) + 0.0).tolist() if found else None,
                "confidence": _rounded(answer.confidence, 6),
                "presence": _rounded(answer.face.presence, 4),
            }
        )
    return records


def flat(record: Mapping[str, Any]) -> Record:
    """A record with a column for each side of the box and each entry of the rotation, row by row."""
    parts = {
        **dict(zip(_BOX, record["box"] or (None,) * 4, strict=True)),
        **dict(
            zip(_ENTRIES, np.ravel(record["rotation"]).tolist() if record["rotation"] else (None,) * 9, strict=True)
        ),
    }
    return {column: parts[column] if column in parts else record[column] for column in COLUMNS}


def csv_bytes(records: Sequence[Record]) -> bytes:
    """The records as CSV; what is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat(record) for record in records)
    return text.getvalue().encode()


def json_bytes(records: Sequence[Record]) -> bytes:
    """The records as one JSON list, a record a line; what is not known is null."""
    lines = ",\n ".join(json.dumps(record, allow_nan=False) for record in records)
    return f"[\n {lines}\n]\n".encode() if records else b"[]\n"


def to_frame(records: Sequence[Record]) -> pd.DataFrame:
    """The records with the columns of the CSV."""
    import pandas as pd

    return pd.DataFrame([flat(record) for record in records], columns=list(COLUMNS))


def _rounded(value: float | None, digits: int) -> float | None:
    # + 0.0: no minus zero
    return None if value is None or not math.isfinite(value) else round(float(value), digits) + 0.0
