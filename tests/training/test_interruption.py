"""A signal that comes while training is noticed, not died of; before and after it does what it did."""

import os
import signal

import pytest

from unroll.training import interruption


@pytest.fixture(autouse=True)
def nothing_is_ignored():
    """As it would be if nohup, or a shell in its background, ran the tests."""
    before = {one: signal.getsignal(one) for one in interruption.SIGNALS}
    for one in interruption.SIGNALS:
        signal.signal(one, signal.default_int_handler if one is signal.SIGINT else signal.SIG_DFL)
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_signal_is_noticed_by_name(number):
    with interruption.noticed() as stopping:
        assert stopping() is None
        os.kill(os.getpid(), number)
        assert stopping() == number.name


def test_the_first_of_several_is_told_and_none_ends_the_process():
    with interruption.noticed() as stopping:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        assert stopping() == "SIGTERM"


def test_afterwards_signals_do_what_they_did_before():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("before"))
    try:
        with interruption.noticed():
            os.kill(os.getpid(), signal.SIGTERM)
        assert heard == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == ["before"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.noticed() as stopping:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stopping() is None
    finally:
        signal.signal(signal.SIGHUP, before)
