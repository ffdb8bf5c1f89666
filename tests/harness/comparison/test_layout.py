"""Tables at any width: no figure is cut or divided, and no name is lost."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from hpe_bench.comparison.layout import FittedTable, bare_table
from hpe_bench.runs.runfile import write_run

#: What is longer may be folded anywhere.
LONGEST_WORD = 14

#: A number, with what stands around it in a cell.
FIGURE = re.compile(r"[*≈±(]*[-+]?\d+(?:\.\d+)?(?:-\d+\.\d+)?[)%]?")

figures = st.floats(0, 999.5).map(lambda value: f"{value:.2f}")
cells = st.one_of(figures, figures.map(lambda f: f"*{f}"), figures.map(lambda f: f"({f})"), st.just("–"))
names = st.from_regex(r"[a-z]{1,9}([:=_-][a-z]{1,9}){0,4}", fullmatch=True)


def lines_of(thing, width: int) -> list[str]:
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(thing)
    return capture.get().splitlines()


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(20, 120))
def test_every_figure_is_there_whole_and_in_its_row_at_every_width(data, width):
    columns, rows = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 4))
    texts = [[data.draw(names), *(data.draw(cells) for _ in range(columns))] for _ in range(rows)]
    table = bare_table()
    table.add_column("estimator")
    for place in range(columns):
        table.add_column(f"heading {place}", justify="right")
    for row in texts:
        table.add_row(*row)
    lines = lines_of(table, width)
    assert max(map(len, lines)) <= width
    words = [word for line in lines for word in line.split()]
    for row in texts:
        for cell in row[1:]:
            assert words.count(cell) >= sum(other.count(cell) for other in texts)
    folded = "".join("".join(line.split()) for line in lines)
    whole = [row[0] for row in texts if len(row[0]) <= LONGEST_WORD]
    assert all(part in folded for name in whole for part in re.split("[:=]", name))


@pytest.mark.parametrize("width", [20, 30, 40])
def test_rows_whose_names_leave_no_room_are_numbered_and_the_numbers_explained(width):
    table = bare_table()
    table.add_column("estimator")
    for heading in ("yaw", "pitch", "roll", "MAE", "GE", "p95"):
        table.add_column(heading, justify="right")
    table.add_row("a-rather-long-name", *["12.34"] * 6)
    table.add_row("another-long-name", *["≈56.78"] * 6)
    page = "\n".join(lines_of(table, width))
    assert "1 a-rather-long-name" in page and "2 another-long-name" in page
    assert page.count("12.34") == page.count("≈56.78") == 6


def test_a_table_of_words_becomes_a_list_where_it_is_too_wide_and_loses_no_heading():
    table = FittedTable(edges=True)
    for heading in ("claim", "some-long-name", ""):
        table.add_column(heading)
    table.add_row("degrees", "yaw 8.339, pitch 6.629", "more words than fit")
    lines = lines_of(table, 20)
    assert lines[0].startswith("claim, ") and "8.339," in " ".join(lines).split() and max(map(len, lines)) <= 20


def test_brackets_are_text_at_every_width():
    for width in (20, 80):
        table = bare_table()
        table.add_column("[bold]x")
        table.add_row("[red]y[/red]")
        assert "[red]y[/red]" in "".join(line.strip() for line in lines_of(table, width))


@pytest.fixture
def stored(turned, tmp_path):
    """Four stored runs, one with a long label."""
    import numpy as np

    errors = np.linspace(0.5, 120, 40)
    for place, label in enumerate(("one", "two:variant=of_a_long_name", "three", "four")):
        write_run(turned(label.replace(":", "-"), errors + place, estimator="x", confidence=-errors))


@pytest.mark.parametrize(
    "command",
    [
        ("compare", "."),
        ("compare", ".", "--columns", "GE,GE-ci,med,med-ci,acc10,n,params,aurc"),
        ("compare", ".", "--by", "yaw"),
        ("compare", ".", "--disagreement", "3"),
        ("show", "one.h5"),
        ("published", "--protocol", "aflw2000/nlml"),
        ("published", "lint", "nlml-readme"),
        ("info", "nlml"),
    ],
)
def test_no_command_loses_a_figure_on_a_narrow_terminal(hpe_bench, stored, command):
    def figures_of(text: str) -> set[str]:
        return {word.strip(",;:.") for word in text.split() if FIGURE.fullmatch(word.strip(",;:.")) and "." in word}

    wide = figures_of(hpe_bench(*command, COLUMNS="300").stdout)
    assert wide or command[0] == "info"
    for width in (20, 40, 60, 80):
        done = hpe_bench(*command, COLUMNS=str(width))
        assert wide <= figures_of(done.stdout), width
        assert max(map(len, done.stdout.splitlines())) <= width


def test_a_pipe_is_as_wide_as_the_table_needs(hpe_bench, stored):
    columns = "yaw,pitch,roll,MAE,MAE-ci,left,down,front,VMAE,GE,GE-ci,med,med-ci,p95,p95-ci,acc5,acc10,acc30,cov,n"
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "compare", ".", "--columns", columns]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("estimator") == 1


def test_a_terminal_of_60_columns_shows_every_figure(hpe_bench, stored):
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 60))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "dumb"}
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "compare", "."]
    process = subprocess.Popen(program, env=environment, stdout=follower, stderr=subprocess.DEVNULL)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait(timeout=60) == 0
    piped = hpe_bench("compare", ".", COLUMNS="60").stdout
    assert [line.rstrip() for line in shown.decode().splitlines()] == [line.rstrip() for line in piped.splitlines()]
