"""The `leantune` program: every file beside this one is one command, found by listing the folder.

A command file binds `command` (a typer function; its docstring is the help) and imports what is heavy inside it, so that
`leantune --help` stays under half a second.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys

import typer

import leantune.cli as commands
from leantune.cli._stopped import heed_sigterm
from leantune.core.errors import LeantuneError

ORDER = ("compare", "train", "check", "methods", "prompts", "tasks", "predict", "evaluate", "export", "merge", "ensemble", "report", "init")
"""The main job first; commands not named here follow in alphabetical order."""


def build() -> typer.Typer:
    """The program with all its commands."""
    app = typer.Typer(
        help="Compare fine-tuning methods on your labelled file and ship the cheapest one that is as good as full fine-tuning.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    names = [module.name for module in pkgutil.iter_modules(commands.__path__) if module.name != "main" and not module.name.startswith("_")]
    for name in sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
        app.command(name)(importlib.import_module(f"leantune.cli.{name}").command)
    return app


def main() -> None:
    """Run the program; a user's mistake is one message and an exit code, never a traceback."""
    heed_sigterm()
    gc.set_threshold(200_000)  # seldom: libraries make little garbage while they load, and to look for it takes one second of ten
    try:
        build()()
    except LeantuneError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    except OSError as error:
        from leantune.core.files import disk_refusal

        if (refusal := disk_refusal(error)) is None:
            raise
        print(f"error: {refusal}  [E-FILE]", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
