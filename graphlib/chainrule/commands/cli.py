"""The command line: arguments in, one exit code out, whatever goes wrong on the way."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, final

from chainrule import __version__
from chainrule.commands.subcommands import COMMANDS, DONE, Command
from chainrule.errors import ChainruleError
from chainrule.shown.text import visible

BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 2, 130, 141  # the last two as a shell reports the signals


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 found something wrong, 2 could not work with what was given.

    >>> main(["gradcheck", "nets.circuits:no_such_circuit"])
    2
    """
    _tolerate_encodings()
    try:
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here and not at exit, where a closed pipe could no longer be handled
    except ChainruleError as error:
        return _complain(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except OSError as error:  # files that are given by name have been dealt with where they are read and written
        _forget_output()
        return _complain(f"the output cannot be written: {error.strerror or error}", BAD_INPUT)
    return code


def _forget_output() -> None:
    """What is still buffered goes nowhere, and is not tried again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str] | None) -> int:
    try:
        given = _parser().parse_args(arguments)
    except SystemExit as stop:  # argparse ends --help, --version and bad arguments this way
        return int(stop.code or DONE)
    command: Command = given.command
    return command.run(given)


@final
class _Parser(argparse.ArgumentParser):
    """A parser whose errors take one line; the usage is a --help away."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {_one_line(message)} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chainrule", description="Computation graphs that show their back propagation.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"chainrule {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for command in COMMANDS:
        one = commands.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            allow_abbrev=False,
        )
        command.arguments(one)
        one.set_defaults(command=command)
    return parser


def _complain(message: str, code: int) -> int:
    """Write one line of error, and return the exit code, which stands also where nothing can be written."""
    line = f"chainrule: error: {_one_line(message)}" if code == BAD_INPUT else f"chainrule: {message}"
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
    return code


def _one_line(text: str) -> str:
    joined = "; ".join(" ".join(line.split()) for line in text.splitlines())
    return visible(joined)


def _tolerate_encodings() -> None:
    """Print a question mark for a character that the terminal or file cannot encode, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
