"""Work behind the one that makes its items, in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapped(
    items: Iterable[Item], work: Callable[[Item], Result], behind: int = 4
) -> Generator[Result, None, None]:
    """The results of `work`, in order; one other thread does it while the next items are made here.

    An error of the items comes after the results of all items before it. After an error of the work
    it is done for no other item, also not for those that wait.

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
    until_failure = _UntilFailure(work)
    with ThreadPoolExecutor(1) as pool:
        while True:
            try:
                item = next(made)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 - raised again behind the results
                failure = error
                break
            waiting.append(pool.submit(until_failure, item))
            while waiting and (len(waiting) > behind or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    if failure is not None:
        raise failure


class _UntilFailure(Generic[Item, Result]):
    """Work that is done no more once it has failed; its failure is the first result seen."""

    def __init__(self, work: Callable[[Item], Result]) -> None:
        self._work = work
        self._failed = False

    def __call__(self, item: Item) -> Result:
        if self._failed:
            raise CancelledError
        try:
            return self._work(item)
        except BaseException:
            self._failed = True
            raise
