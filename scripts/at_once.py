"""Run command lines of a shell at once: the first tells as it goes, the others once it has ended. Status 1 if one fails.

python scripts/at_once.py 'pytest tests/a' 'pytest tests/b'
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import IO


def start(line: str, told: IO[bytes] | None = None) -> subprocess.Popen:
    """Start the command `line` in a session of its own, so that it can be stopped with all that it starts."""
    shell = ["bash", "-eu", "-o", "pipefail", "-c", line]
    return subprocess.Popen(shell, stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True)


def stop(process: subprocess.Popen) -> None:
    """End it if it has not ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)


def main(first: str, *others: str) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    with contextlib.ExitStack() as stack:
        seen = start(first)
        stack.callback(stop, seen)
        beside = []
        for line in others:
            told = stack.enter_context(tempfile.TemporaryFile())
            beside.append((start(line, told), told))
            stack.callback(stop, beside[-1][0])
        failed = seen.wait() != 0
        for process, told in beside:
            failed |= process.wait() != 0
            told.seek(0)
            shutil.copyfileobj(told, sys.stdout.buffer)
        return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
