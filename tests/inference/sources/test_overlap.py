"""Work in another thread keeps order, bounds and errors."""

import threading

import pytest

from sgnet.inference.sources import overlapped


@pytest.mark.parametrize("behind", [0, 1, 3])
def test_results_come_in_order(behind):
    assert list(overlapped(range(20), lambda n: n * n, behind)) == [n * n for n in range(20)]


def test_items_are_made_here_and_the_work_is_done_elsewhere():
    made = []

    def items():
        for number in range(5):
            made.append(threading.current_thread())
            yield number

    workers = set(overlapped(items(), lambda n: threading.current_thread(), 2))
    assert set(made) == {threading.current_thread()}
    assert len(workers) == 1
    assert workers.isdisjoint(made)


def test_no_more_items_wait_than_allowed():
    go_on = threading.Event()
    made = []

    def items():
        for number in range(10):
            made.append(number)
            if number == 3:
                go_on.set()  # the fourth is made while the first is still being worked on
            yield number

    results = overlapped(items(), lambda n: go_on.wait(10) and n, 3)
    assert next(results) == 0
    assert len(made) == 4
    results.close()


@pytest.mark.parametrize("behind", [0, 2])
def test_an_error_of_the_items_comes_behind_the_results(behind):
    def items():
        yield from range(3)
        raise ValueError("the source broke")

    seen = []
    with pytest.raises(ValueError, match="the source broke"):
        seen.extend(overlapped(items(), lambda n: seen.append(n), behind))
    assert [n for n in seen if n is not None] == [0, 1, 2]


def test_an_error_of_the_work_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(overlapped([1, 0], lambda n: 1 // n))


@pytest.mark.parametrize("behind", [0, 1, 4])
def test_after_a_failure_the_work_is_done_for_no_item_that_waits(behind):
    all_wait = threading.Event()
    done = []

    def items():
        for number in range(10):
            if number == behind:
                all_wait.set()  # the last that may wait behind the failing one
            yield number

    def work(number):
        done.append(number)
        all_wait.wait(10)
        if number == 0:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        list(overlapped(items(), work, behind))
    assert done == [0]
