"""Reading ahead in a thread."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")
PATIENCE = 5.0  # seconds for a reader to stop; one that waits for a dead source is left behind


class _End:
    """Marks the end of the items, with the error that ended them."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetched(items: Iterable[Item], ahead: int = 4) -> Generator[Item, None, None]:
    """The items, read by a thread that is at most `ahead` of them in front.

    An error of the source comes after all items before it. Closing the generator stops the thread.

    Args:
        items: read in one other thread, in order.
        ahead: bounds the memory; 0 reads without a thread.
    """
    if ahead == 0:
        yield from items
        return
    buffer: queue.Queue[Item | _End] = queue.Queue(maxsize=ahead)
    stop = threading.Event()
    reader = threading.Thread(target=_fill, args=(items, buffer, stop), daemon=True)
    reader.start()
    try:
        while not isinstance(item := buffer.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        until = time.monotonic() + PATIENCE
        while reader.is_alive() and time.monotonic() < until:
            _drain(buffer)
            reader.join(timeout=0.05)


def _fill(items: Iterable[Item], buffer: queue.Queue[Item | _End], stop: threading.Event) -> None:
    end = _End()
    try:
        for item in items:
            if not _put(item, buffer, stop):
                return
    except BaseException as error:  # noqa: BLE001 - raised again where the items are taken
        end = _End(error)
    _put(end, buffer, stop)


def _put(item: Item | _End, buffer: queue.Queue[Item | _End], stop: threading.Event) -> bool:
    """Waits for room; False where nobody takes items any more."""
    while not stop.is_set():
        try:
            buffer.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _drain(buffer: queue.Queue[Item | _End]) -> None:
    while True:
        try:
            buffer.get_nowait()
        except queue.Empty:
            return
