from __future__ import annotations

import os
import signal
import threading

import pytest

from sgnet.commands.signals import ENDING, noted, unwound
from sgnet.files.atomic_file import atomic_path, new_folder


@pytest.fixture(autouse=True)
def as_in_a_new_process():
    """Each signal does what it does in a process that nobody set up."""
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers() -> list:
    return [signal.getsignal(number) for number in ENDING]


def test_without_a_signal_work_gives_its_value_and_handlers_are_as_before():
    before = handlers()
    assert unwound("evaluate", lambda: 7) == 7
    with noted() as told:
        assert told.status == 0
    assert handlers() == before


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_unwinds_any_command_and_leaves_nothing_half_written(number, tmp_path, capsys):
    def work() -> None:
        with atomic_path(tmp_path / "a.json") as file, new_folder(tmp_path / "b") as folder:
            file.touch()
            (folder / "c").touch()
            signal.raise_signal(number)

    before = handlers()
    with pytest.raises(SystemExit) as end:
        unwound("evaluate", work)
    assert end.value.code == 128 + number
    assert capsys.readouterr().err == f"ended by {number.name}\n"
    assert not list(tmp_path.iterdir())
    assert handlers() == before


@pytest.mark.parametrize("number", ENDING)
def test_the_second_signal_ends_at_once(number):
    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            assert {signal.getsignal(each) for each in ENDING} == {signal.SIG_DFL}

    with pytest.raises(SystemExit):
        unwound("evaluate", work)


@pytest.mark.parametrize("number", ENDING)
def test_a_noted_signal_lets_work_go_on_and_the_second_one_unwinds_it(number):
    reached = []

    def work() -> None:
        with noted() as told:
            signal.raise_signal(number)
            reached.append(told.status)
            signal.raise_signal(number)
            reached.append("not here")

    with pytest.raises(SystemExit) as end:
        unwound("predict", work)
    assert reached == [128 + number] == [end.value.code]


@pytest.mark.parametrize("number", ENDING)
def test_what_is_ignored_stays_ignored_as_sighup_under_nohup(number):
    signal.signal(number, signal.SIG_IGN)

    def work() -> int | None:
        signal.raise_signal(number)
        with noted() as told:
            signal.raise_signal(number)
        signal.raise_signal(number)
        return told.number

    noticed = unwound("predict", work)
    assert noticed == (number if number == signal.SIGINT else None)  # sent to one in the background
    assert signal.getsignal(number) == signal.SIG_IGN


def test_a_forked_process_ends_as_if_nobody_listened():
    def work() -> int:
        child = os.fork()
        if child == 0:
            signal.raise_signal(signal.SIGTERM)
            os._exit(0)
        return os.waitpid(child, 0)[1]

    assert os.WTERMSIG(unwound("check_data", work)) == signal.SIGTERM


def test_training_keeps_its_own_way_to_end():
    before = handlers()
    assert unwound("train", handlers) == before


def test_threads_other_than_the_first_work_without_signals():
    done = []
    thread = threading.Thread(target=lambda: done.append(unwound("predict", handlers)))
    thread.start()
    thread.join()
    assert done == [handlers()]
