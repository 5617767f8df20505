"""Async functions as handlers: all of a process run on one event loop, on a thread of its own.

The thread that has the request waits meanwhile.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from queue import SimpleQueue
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from .request import Request
    from .response import Response

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_forgotten: list[asyncio.AbstractEventLoop | None] = []
#: Whether the process may end while the loop runs.  Sub-interpreters have no such threads.
is_daemon = False
#: What tasks may take for their end then.
_END_TIMEOUT_S = 2.0

#: What a coroutine has returned, or what it has raised.
_Outcome = tuple[Any, BaseException | None]


def is_coroutine(result: object) -> TypeGuard[Awaitable[Any]]:
    """Whether a function has returned what is to be awaited."""
    return type(result) is CoroutineType or isinstance(result, Awaitable)


def finished(result: object) -> Any:
    """*result*, or what it comes to if a function was async.  The calling thread waits for it."""
    return _value(_start(result).result()) if is_coroutine(result) else result


def answered(request: Request, coroutine: Awaitable[Any]) -> object:
    """What a handler's *coroutine* comes to.

    The calling thread, which runs the request, waits for it, and sends meanwhile what the coroutine
    gives to ``request.send()``.
    """
    try:
        request.prepare()
    except BaseException:
        if isinstance(coroutine, Coroutine):
            coroutine.close()  # else Python complains that nobody has awaited it
        raise
    sent: SimpleQueue[Response | None] = SimpleQueue()
    request.outbox = sent.put
    running = _start(coroutine)
    running.add_done_callback(lambda _: sent.put(None))
    fault: BaseException | None = None
    while (response := sent.get()) is not None:
        try:
            response.send(request.req, at_once=True)
        except BaseException as error:  # noqa: BLE001 - raised below, when the coroutine has ended
            fault = error
    request.outbox = None
    result = _value(running.result())
    if fault is not None:
        raise fault
    return result


def event_loop() -> asyncio.AbstractEventLoop:
    """The event loop, running."""
    import asyncio  # takes 40 ms, which most scripts can do without

    global _loop, _thread
    with _lock:
        if _loop is None:
            runner = asyncio.Runner(loop_factory=_loop_factory())
            _loop = runner.get_loop()
            _thread = threading.Thread(
                target=_run, args=[runner], name="event loop", daemon=is_daemon
            )
            _thread.start()
            if not is_daemon:
                # It is to end before Python waits for it, which no public function can have it do.
                threading._register_atexit(_loop.call_soon_threadsafe, _loop.stop)  # type: ignore[attr-defined]
        return _loop


def is_loop_thread() -> bool:
    """Whether the calling thread is the loop's."""
    return threading.current_thread() is _thread


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's where it can be had, which takes a third less time for a request; Python's own in
    sub-interpreters."""
    import asyncio

    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def end() -> None:
    """End the loop and its tasks, if its thread is a daemon, which Python does not wait for."""
    if _loop is not None and _thread is not None and is_daemon:
        _loop.call_soon_threadsafe(_loop.stop)
        _thread.join(_END_TIMEOUT_S)


def forget() -> None:
    """In a process that was forked: the loop's thread is the other one's."""
    global _loop, _lock, _thread
    _lock = threading.Lock()
    _forgotten.append(_loop)  # whose end would close what the other one needs
    _loop = _thread = None


def _run(runner: asyncio.Runner) -> None:
    is_over = False
    while not is_over:
        try:
            runner.get_loop().run_forever()
            is_over = True
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a task ends nobody else's
            sys.stderr.write(f"hwebserver: {error!r} in a task of the event loop\n")
    runner.close()  # which cancels the tasks


def _start(result: Awaitable[Any]) -> Future[_Outcome]:
    """Run *result* on the loop, in a copy of this thread's context."""
    import asyncio

    return asyncio.run_coroutine_threadsafe(_outcome(result), event_loop())


async def _outcome(result: Awaitable[Any]) -> _Outcome:
    """Caught here, an exception has the handler's own traceback, and does not end the loop, as
    SystemExit would."""
    try:
        return await result, None
    except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
        return None, error


def _value(outcome: _Outcome) -> Any:
    value, error = outcome
    if error is not None:
        raise error
    return value
