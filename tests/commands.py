"""Runs commands for the tests, each in a process of its own that is forked from one with the libraries imported.

A line of JSON on standard input asks for one: its arguments, folder, environment and where its output goes. The answer
is its process number in a line, then in another its exit status. Half a second of imports a command is saved, and more
where arguments name further modules to import.
"""

import json
import os
import sys

import click  # noqa: F401
import h5py  # noqa: F401
import pandas  # noqa: F401
import pluggy  # noqa: F401
import pydantic  # noqa: F401
import rich.progress
import rich.table  # noqa: F401

for further in sys.argv[1:]:
    __import__(further)
while line := sys.stdin.readline():
    child = os.fork()
    if child == 0:
        break
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    os._exit(0)

wanted = json.loads(line)
os.chdir(wanted["cwd"])
os.environ.clear()
os.environ.update(wanted["environment"])
for number, path, mode in (
    (0, os.devnull, os.O_RDONLY),
    (1, wanted["out"], os.O_WRONLY),
    (2, wanted["err"], os.O_WRONLY),
):
    os.dup2(os.open(path, mode), number)
sys.argv = ["-c", *wanted["arguments"]]

from hpe_bench.cli import main  # noqa: E402

main()
