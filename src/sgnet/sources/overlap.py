"""Work behind the one that makes its items, in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapped(
    items: Iterable[Item], work: Callable[[Item], Result], behind: int = 4
) -> Generator[Result, None, None]:
    """The results of `work`, in order; one other thread does it while the next items are made here.

    An error of the items comes after the results of all items before it.

    Args:
        items: made in the calling thread.
        work: done in one other thread, item by item.
        behind: items that wait for it at most, which bounds the memory; 0 works without a thread.
    """
    if behind == 0:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    failure: Exception | None = None
    made = iter(items)
    with ThreadPoolExecutor(1) as pool:
        while True:
            try:
                item = next(made)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 - raised again behind the results
                failure = error
                break
            waiting.append(pool.submit(work, item))
            while waiting and (len(waiting) > behind or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    if failure is not None:
        raise failure
