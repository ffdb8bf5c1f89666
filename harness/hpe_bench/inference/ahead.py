"""Work done ahead, in a thread, while the last results are used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK = 0.1  # seconds between looks at whether the results are still wanted


def ahead(items: Iterable[T], waiting: int) -> Generator[T, None, None]:
    """The items in their order, made in a thread of their own; at most ``waiting`` of them are ready and unused.

    What making them raises is raised here. When the consumer stops early, so does the thread, and ``items`` is closed
    in it before this returns.
    """
    ready: queue.Queue[tuple[bool, Any]] = queue.Queue(waiting)
    unwanted = threading.Event()

    def put(done: bool, what: Any) -> bool:
        while not unwanted.is_set():
            try:
                ready.put((done, what), timeout=_LOOK)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        end: BaseException | None = None
        try:
            for item in items:
                if not put(False, item):
                    break
        except BaseException as error:
            end = error
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
        put(True, end)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            done, what = ready.get()
            if not done:
                yield what
            elif what is not None:
                raise what
            else:
                return
    finally:
        unwanted.set()
        thread.join()
