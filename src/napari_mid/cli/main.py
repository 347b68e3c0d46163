"""Finds the command, runs it, and turns a `MidError` into one line on stderr and status 1."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from napari_mid import __version__
from napari_mid.errors import MidError

#: Command and what it does; each lives in the module of the same name beside this file.
COMMANDS = {
    "info": "what is on a plate: wells, fields, channels, missing files",
    "detect": "locate nuclei in a plate, an image or a folder of images",
    "train": "train a model on labelled wells",
    "score": "score the wells of a plate with a model",
    "evaluate": "say what scores are worth: metrics with intervals, baselines, shortcuts",
    "simulate": "draw a plate with known truth, in a real format",
    "report": "figures and a report of chosen wells",
    "import-xprofiler": "turn weights in the layout of the method's authors into a model folder",
    "demo": "open the window on a simulated plate with the demo model",
    "doctor": "what this machine has, and what to do about what is missing",
    "bench": "times each step of scoring beside its limit",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0 on success, 1 on a `MidError` or a file that cannot be written, 130 when stopped with Ctrl-C; wrong usage exits with 2.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(arguments[0] if arguments else None)
    options = parser.parse_args(_one_role_each(arguments))
    try:
        options.run(options)
    except MidError as error:
        if options.debug:
            raise
        print(f"napari-mid {options.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as head, has gone
        sys.stderr.close()
    except OSError as error:  # a folder that cannot be written, a full disk: the user's to mend, too
        if options.debug or error.strerror is None:
            raise
        where = f": {error.filename}" if error.filename else ""
        print(f"napari-mid {options.command}: {error.strerror}{where}; give another place.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"napari-mid {options.command}: stopped; nothing half-written is left.", file=sys.stderr)
        return 130
    return 0


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The parser; only the module of `command` is imported, so that ``--help`` is fast."""
    parser = argparse.ArgumentParser(prog="napari-mid", description="MID: which cells tell that a compound is toxic.")
    parser.add_argument("--version", action="version", version=f"napari-mid {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help_text in COMMANDS.items():
        if name != command:
            commands.add_parser(name, help=help_text)
            continue
        module = importlib.import_module(f"napari_mid.cli.{name.replace('-', '_')}")
        child = commands.add_parser(
            name,
            help=help_text,
            description=f"{name}: {help_text}.",
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(child)
        child.add_argument("--debug", action="store_true", help="show the traceback of an error")
        child.set_defaults(run=module.run)
    return parser


def _one_role_each(arguments: Sequence[str]) -> list[str]:
    """``--roles A=b C=d PLATE`` as ``--roles=A=b --roles=C=d PLATE``, so that the plate is not taken for a role."""
    spread: list[str] = []
    after_roles = False
    for argument in arguments:
        pair = after_roles and "=" in argument and not argument.startswith("-")
        if pair and spread[-1] == "--roles":
            spread.pop()
        spread.append(f"--roles={argument}" if pair else argument)
        after_roles = pair or argument == "--roles"
    return spread
