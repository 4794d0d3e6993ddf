"""Processes of a build: none outlives it, whichever way it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

_PR_SET_PDEATHSIG = 1
#: Children that run now, so that a signal ends them too.
_children: set[subprocess.Popen[str]] = set()


def die_with_parent(parent: int | None = None) -> None:
    """Ends this process when the one that started it ends, in whatever way.

    Linux tells by a signal; elsewhere (and in case the signal comes too early) a thread looks.

    Args:
        parent: Process id of the one that started this; default: the parent now.
    """
    expected = parent or os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == expected:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent watch").start()


def run_child(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs a Python module of ours that calls `die_with_parent` first; ended with this process by `ends_cleanly`."""
    environment = {**os.environ, "KPI_PARENT": str(os.getpid())}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    _children.add(child)
    try:
        out, err = child.communicate()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        _children.discard(child)
    return subprocess.CompletedProcess(command, child.returncode, out, err)


@contextmanager
def ends_cleanly(message: str) -> Iterator[None]:
    """Ends at once on Ctrl-C, SIGTERM and SIGHUP: with every child, a message and exit code 128 + signal.

    A query of DuckDB does not stop for Python's own handling. What a build writes stands an end at any moment.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        for child in list(_children):
            child.kill()
        if sys.stderr.isatty():
            sys.stderr.write("\x1b[?25h")  # the progress bar hides the cursor
        sys.stderr.write(f"\n{message}\n")
        sys.stderr.flush()
        os._exit(128 + number)

    kept: dict[int, Any] = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) == signal.SIG_IGN:  # nohup
            continue
        kept[number] = signal.signal(number, end)
    try:
        if os.environ.get("KPI_DIE_WITH_PARENT"):
            die_with_parent()
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
