"""Work done ahead in a thread: the order, errors, and that it ends with its consumer."""

from __future__ import annotations

import threading

import pytest

from hpe_bench.inference.ahead import ahead


def test_the_order_is_kept_through_several_threads():
    assert list(ahead((2 * number for number in ahead(range(500), 3)), 5)) == list(range(0, 1000, 2))


def test_an_error_comes_after_what_was_made_before_it():
    def three_then_fail():
        yield from range(3)
        raise ValueError("the fourth")

    run = ahead(three_then_fail(), 10)
    assert [next(run), next(run), next(run)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(run)


def test_when_the_consumer_stops_so_do_the_threads_and_what_they_read_is_closed():
    closed = []

    def endless():
        try:
            while True:
                yield threading.current_thread()
        finally:
            closed.append(threading.current_thread())

    before = threading.active_count()
    run = ahead(ahead(endless(), 2), 2)
    worker = next(run)
    run.close()
    assert closed == [worker] and worker is not threading.current_thread()
    assert threading.active_count() == before


def test_no_more_than_asked_for_is_made_ahead():
    made, more = [], threading.Event()

    def count():
        for number in range(100):
            made.append(number)
            if number == 4:
                more.set()
            yield number

    run = ahead(count(), 3)
    assert next(run) == 0 and more.wait(5)
    assert len(made) <= 5  # one used, three waiting, one in the hand
    run.close()
