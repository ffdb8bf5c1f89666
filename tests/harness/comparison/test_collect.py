"""What is found of stored runs, and what is believed of it."""

from __future__ import annotations

import json

from hpe_bench.comparison.collect import collect
from hpe_bench.settings import resolve_folders


def test_a_record_of_a_failure_moves_no_cursor_and_one_that_is_no_record_is_unreadable(tmp_path):
    record = {"estimator": "x", "label": "x\x1b[31m", "error": "a\nb\x1b[2J", "started": "2026"}
    texts = {
        "a": json.dumps({**record, "protocol": {"name": "d/all"}}),
        "b": "[" * 100_000,
        "c": json.dumps({**record, "error": "x" * 2**21, "protocol": {"name": "d/all"}}),
    }
    (tmp_path / "all").mkdir()
    for name, text in texts.items():
        (tmp_path / "all" / f"{name}.failed.json").write_text(text)
    found = collect([str(tmp_path)], resolve_folders(None, None, None))
    assert [(one["label"], one["error"]) for one in found.failed] == [
        ("x?[31m", "a\nb?[2J"),
        ("b.failed", "unreadable record"),
        ("c.failed", "unreadable record"),
    ]
