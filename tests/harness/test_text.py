"""Texts of others do nothing where they are shown: not to a terminal, a spreadsheet, Markdown, LaTeX or a page."""

from __future__ import annotations

import csv
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpe_bench.comparison.collect import collect
from hpe_bench.comparison.report.markup import data_block, element
from hpe_bench.inference.records import csv_bytes
from hpe_bench.settings import resolve_folders
from hpe_bench.text import (
    SafeWriter,
    csv_cell,
    latex_text,
    markdown_text,
    one_line,
    printable,
    safe_console,
    safe_text,
)

#: Each acts on a terminal, or hides, or turns the direction of writing.
ACTING = [
    "\x1b[2J",
    "\x9b2J",
    "\x07",
    "\r",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\udc80",
    "\U000e0041",
]

PLUGIN = """
import sys
from hpe_bench import Estimator, Nothing, hookimpl


class Evil(Estimator):
    inputs = Nothing()

    def predict(self, batch):
        print("said \\x1b[31m\\u202e")
        sys.stderr.write("cried \\x1b[31m\\u202e\\n")
        raise ValueError("\\x1b]0;owned\\x07 \\u202e \\udc80")


@hookimpl
def register_estimators(register):
    register("evil", Evil, summary="\\x1b[2J\\u202e [red]summary[/red] \\u2028")
"""


def acts(text: str) -> bool:
    return safe_text(text) != text


@pytest.mark.parametrize("bad", ACTING, ids=ascii)
def test_what_would_act_is_a_question_mark_and_all_else_stays(bad):
    assert safe_text(f"a{bad[0]}b") == "a?b"
    assert safe_text("naïve Ünïcödé 頭 ≈±° 🙂\tx\ny") == "naïve Ünïcödé 頭 ≈±° 🙂\tx\ny"


@given(st.text())
def test_no_text_acts_once_it_is_safe(text):
    assert not acts(safe_text(text)) and "\n" not in one_line(text)


@pytest.mark.parametrize("formula", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", "-x", "+1+1", "-1e"])
def test_a_cell_of_a_csv_is_no_formula(formula):
    assert csv_cell(formula).startswith("'")


@pytest.mark.parametrize("value", ["-3.5", "+2", "-.5", "-1e-05", "", "x=1", -3.5, None, 0])
def test_numbers_and_other_cells_of_a_csv_stay_as_they_are(value):
    assert csv_cell(value) == value


def test_markdown_and_latex_show_text_as_it_is():
    assert markdown_text("a|b`c`[x](y)*_<z>\nd") == r"a\|b\`c\`\[x\](y)\*\_\<z> d"
    assert markdown_text("# x") == r"\# x"
    assert latex_text("a_b^c{d}\n\\x") == r"a\_b\textasciicircum{}c\{d\} \textbackslash{}x"


def test_a_file_whose_name_is_a_formula_is_none_in_the_csv_of_predictions():
    record = dict.fromkeys(
        ("frame", "time", "face", "yaw", "pitch", "roll", "confidence", "presence", "box", "rotation")
    )
    record |= {"file": "=1+1\udc80.jpg", "yaw": -3.5}
    (row,) = csv.DictReader(io.StringIO(csv_bytes([record]).decode()))
    assert row["file"] == "'=1+1?.jpg" and row["yaw"] == "-3.5"


def test_a_page_shows_text_as_text_and_nothing_ends_its_script():
    evil = "</script>" + "".join(ACTING)
    made = element("p", evil, title=evil)
    assert not acts(made.replace("\u2028", "")) and "</script>" not in made
    block = data_block("data", {evil: evil})
    assert block.count("</script>") == 1 and block.isascii()


def test_a_record_of_a_failure_turns_no_line_around(tmp_path):
    record = {
        "estimator": "x",
        "label": "x\u202e",
        "error": "\x1b[2J",
        "started": "2026",
        "protocol": {"name": "d/all"},
    }
    (tmp_path / "x.failed.json").write_text(json.dumps(record))
    (failure,) = collect([str(tmp_path)], resolve_folders()).failed
    assert (failure["label"], failure["error"]) == ("x?", "?[2J")


def test_a_safe_stream_shows_what_its_encoding_lacks_as_a_question_mark():
    raw = io.BytesIO()
    stream = SafeWriter(raw, "ascii", "replace", write_through=True)
    assert stream.write("≈ \x1b[31m\udc80") == 8
    assert raw.getvalue() == b"? ?[31m?"


def test_a_console_keeps_its_own_colours_and_prints_nothing_else_that_acts():
    raw = io.BytesIO()
    stream = SafeWriter(raw, "utf-8", write_through=True)
    from rich.text import Text

    safe_console(stream, force_terminal=True, color_system="standard", width=80).print(Text("\x1b[2Jx[b]", style="red"))
    assert raw.getvalue() == b"\x1b[31m?[2Jx[b]\x1b[0m\n"


def test_no_command_lets_a_plugin_act_on_the_terminal(hpe_bench, tmp_path):
    (tmp_path / "evil.py").write_text(PLUGIN)
    evil = ("--plugin", "evil.py")
    for command in (
        ("list", *evil),
        ("info", "evil", *evil),
        ("eval", "evil", "--dataset", "synthetic", "--limit", "3", *evil),
        ("compare", *evil),
        ("show", *evil),
        ("eval", "ev\u202eil\x1b[2J", "--dataset", "synthetic"),
    ):
        done = hpe_bench(*command)
        assert not acts(done.stdout + done.stderr), command
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a b/\xc3\xa4.jpg", "a b/ä.jpg"),
        (b"\xff\xfe.jpg", r"\xff\xfe.jpg"),
        (b"\x1b[31mred.jpg", r"\x1b[31mred.jpg"),
        ("a\u202egpj.exe".encode(), r"a\u202egpj.exe"),
        (b"two\nlines", r"two\nlines"),
    ],
)
def test_a_name_of_any_bytes_is_printed_without_steering_the_terminal(name, shown):
    assert printable(os.fsdecode(name)) == shown


def test_a_strangers_text_is_one_printable_line():
    text = "a\x1b]0;title\x07\r\nb\u202e\u2028c\ud800\x9b" + "d" * 2000
    line = one_line(text)
    assert line.isprintable() and len(line) <= 1000 and line.startswith(r"a\x1b]0;title\x07 b\u202e")
    assert one_line("yaw ≈ 3.5°, 姿勢") == "yaw ≈ 3.5°, 姿勢"
