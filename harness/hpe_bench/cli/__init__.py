"""The command line: one module a command, imported when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from hpe_bench.cli.common import folder_options, plugin_options

COMMANDS = {
    "list": "What there is: estimators, datasets, protocols, plugins ...",
    "info": "All about one of them, with its options.",
    "prepare": "Write the files that a dataset needs.",
    "verify": "Check a dataset on disk: counts, images, labels.",
    "weights": "Checkpoints: which there are, and importing official ones.",
    "train": "Train an estimator, once or over growing numbers of identities.",
    "eval": "Evaluate estimators on a dataset.",
    "show": "Show stored runs, each with all its figures.",
    "compare": "Put stored runs side by side in one table.",
    "published": "Published figures, and lint of a table's arithmetic.",
    "audit": "Check a plugin: are its axes right, and what is it sensitive to?",
    "predict": "Head poses in images, videos or a camera, drawn and written.",
    "plot": "Draw stored runs: errors by angle, by range, cumulative ...",
    "report": "Write a page of HTML about stored runs.",
    "doctor": "Check this installation, and say what is missing.",
}


class LazyGroup(click.Group):
    """A group whose help needs none of its commands to be imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"hpe_bench.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from hpe_bench.errors import UnknownName

            raise UnknownName("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: hpe-bench list, then hpe-bench eval --dataset synthetic",
)
@click.version_option(package_name="hpe-bench", prog_name="hpe-bench")
@folder_options("datasets", "weights", "results")
@plugin_options
def cli(**shared: Any) -> None:
    """hpe-bench compares head pose estimators on equal terms.

    The options here hold for every command, and may stand behind it as well.
    """


def main() -> None:
    """Run the command line: a user's error is one message and an exit code, a bug keeps its traceback."""
    from hpe_bench.errors import HpeBenchError
    from hpe_bench.text import guard_streams

    guard_streams()
    try:
        sys.exit(cli(prog_name="hpe-bench", standalone_mode=False) or 0)
    except HpeBenchError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        print("Interrupted. Finished batches and checkpoints are kept: the same command resumes.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
