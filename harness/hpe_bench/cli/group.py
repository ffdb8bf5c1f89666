"""The group of all commands: one module a command, imported when it is called."""

from __future__ import annotations

import importlib
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

    def invoke(self, ctx: click.Context) -> Any:
        from hpe_bench.faults import exits_of_plugins

        with exits_of_plugins():
            return super().invoke(ctx)


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
