"""The command line: its beginning and its end. The commands are in :mod:`hpe_bench.cli.group`."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from hpe_bench import interrupts
from hpe_bench.cli.streams import OutputGone, flush_output, prepare_streams


def main() -> None:
    """Run the command line: a user's error is one message and an exit code, a bug keeps its traceback."""
    if sys._getframe(1).f_globals.get("__name__") != "__main__":
        _run()  # called by another program, whose signals and whose end are its own affair
    try:
        with interrupts.heeded():  # before anything is imported that takes its time
            _run()
    except SystemExit as end:
        interrupts.leave(int(end.code or 0))
        raise


def _run() -> NoReturn:
    import click

    from hpe_bench.cli.group import cli
    from hpe_bench.errors import HpeBenchError

    prepare_streams()
    try:
        code = cli(prog_name="hpe-bench", standalone_mode=False) or 0
        flush_output()
        sys.exit(code)
    except HpeBenchError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ImportError as error:
        from hpe_bench.opencv import without_opencv

        missing = without_opencv(error)
        if missing is None:
            raise
        print(f"Error: {missing}", file=sys.stderr)
        sys.exit(missing.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        print("Interrupted. Finished batches and checkpoints are kept: the same command resumes.", file=sys.stderr)
        sys.exit(130)
    except OutputGone as gone:
        if gone.message:
            print(f"Error: {gone.message}", file=sys.stderr)
        sys.exit(gone.exit_code)


def __getattr__(name: str) -> Any:
    """``cli``, for those who call it themselves."""
    if name == "cli":
        from hpe_bench.cli.group import cli

        return cli
    raise AttributeError(name)
