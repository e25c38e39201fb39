"""An object in a process of its own, on so many cores: how libraries that take no thread count are held to one."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from facemodel import LimelightError

_log = logging.getLogger(__name__)

_CLOSE_SECONDS = 5.0


class LimitedProcess:
    """Makes an object in a new process and calls its methods, one at a time.

    The process may run on so many cores only, from before its first import, where the system can do that (Linux);
    so thread pools of every library are sized and confined by it. What native libraries write to stderr is dropped.
    """

    def __init__(self, name: str, cores: int, make: Callable[..., Any], *arguments: object) -> None:
        """
        Args:
            name: for error messages.
            cores: that the process may run on.
            make, arguments: what makes the object there; both are pickled. `close` of the object is called at the end.

        Raises:
            LimelightError: it could not be made; the error of `make` if that is one.
        """
        self._name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        quiet = _log.getEffectiveLevel() > logging.DEBUG
        self._process = context.Process(target=_serve, args=(theirs, quiet, make, arguments), name=name, daemon=True)
        with _confined(cores):
            self._process.start()
        theirs.close()
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def call(self, method: str, *arguments: object) -> Any:
        """What a method of the object returns.

        Raises:
            LimelightError: the method raised one, failed otherwise, or the process died.
        """
        try:
            self._pipe.send((method, arguments))
        except OSError as error:
            raise self._death() from error
        return self._answer()

    def close(self) -> None:
        """End the process; a second call does nothing."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(_CLOSE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_CLOSE_SECONDS)
        self._pipe.close()

    def __enter__(self) -> LimitedProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._process.kill()  # interrupted: it may be in the middle of something long
        self.close()

    def _answer(self) -> Any:
        try:
            failed, answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._death() from error
        if failed:
            raise LimelightError(answer)
        return answer

    def _death(self) -> LimelightError:
        self._process.join(_CLOSE_SECONDS)
        return LimelightError(f"benchmark of {self._name}: its process ended (exit status {self._process.exitcode})")


def can_confine() -> bool:
    """Whether processes can be held to so many cores here."""
    return hasattr(os, "sched_setaffinity")


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if can_confine() else os.cpu_count() or 1


@contextlib.contextmanager
def _confined(cores: int) -> Iterator[None]:
    """Processes that this thread starts inside run on the first so many of the cores allowed to it."""
    if not can_confine():
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _serve(pipe: Connection, quiet: bool, make: Callable[..., Any], arguments: tuple) -> None:
    """The process: make the object, then answer calls until None comes or the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    if quiet:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    made: Any = None

    def guarded(act: Callable[[], Any]) -> tuple[bool, Any]:
        try:
            return False, act()
        except LimelightError as error:
            return True, str(error)
        except Exception as error:
            _log.debug("%s", traceback.format_exc())
            last = traceback.extract_tb(error.__traceback__)[-1]
            return True, f"benchmark: internal error, {type(error).__name__} in {last.name}: {error}".splitlines()[0]

    def create() -> None:
        nonlocal made
        made = make(*arguments)

    answer = guarded(create)
    with contextlib.suppress(EOFError, OSError):
        pipe.send(answer)
        while not answer[0] and (request := pipe.recv()) is not None:
            method, values = request
            pipe.send(guarded(partial(getattr(made, method), *values)))
    if made is not None and hasattr(made, "close"):
        made.close()
