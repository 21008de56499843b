from __future__ import annotations

import threading

import pytest

from sgnet.inference.sources import prefetched


@pytest.mark.parametrize("ahead", [0, 1, 4])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_all_items_come_in_order(count, ahead):
    assert list(prefetched(iter(range(count)), ahead)) == list(range(count))


@pytest.mark.parametrize("ahead", [0, 3])
def test_an_error_comes_behind_the_items_before_it(ahead):
    def items():
        yield 1
        yield 2
        raise ValueError("gone")

    taken = []
    with pytest.raises(ValueError, match="gone"):
        taken.extend(prefetched(items(), ahead))
    assert taken == [1, 2]


def test_no_more_than_the_bound_is_read_ahead():
    read = []
    waiting = threading.Event()

    def items():
        for number in range(100):
            read.append(number)
            if number == 4:
                waiting.set()
            yield number

    stream = prefetched(items(), ahead=2)
    next(stream)
    waiting.wait(timeout=0.5)
    assert len(read) <= 1 + 2 + 1  # taken, waiting in the buffer, in the reader's hand
    stream.close()


def test_closing_early_stops_the_reader():
    before = threading.active_count()
    stream = prefetched(iter(range(1000)), ahead=2)
    next(stream)
    stream.close()
    assert threading.active_count() == before
