"""A training run's line says what is running, how far it is and how long it still takes."""

import dataclasses
import math

import pytest

from unroll.progress import FILE_VARIABLE, Clock, Display, Progress, RowClock, Rows

HALFWAY = Progress(
    epoch=2,
    epochs=6,
    done=0.5,
    loss=0.8125,
    headline="macro_recall",
    score=0.6,
    tokens_per_second=81234.0,
    seconds_left=95.4,
)


def test_the_line_has_everything():
    expected = "epoch 2/6  50%  loss 0.812  validation macro recall 0.600  81,234 tokens/s  1:35 left"
    assert HALFWAY.in_words() == expected


def test_before_the_first_validation_there_is_no_score():
    assert "validation" not in dataclasses.replace(HALFWAY, score=math.nan).in_words()


def test_a_score_goes_by_its_own_name():
    words = dataclasses.replace(HALFWAY, headline="perplexity", score=425.1).in_words()
    assert "validation perplexity 425.100" in words


def test_the_scheduler_reads_the_line_from_its_file(tmp_path, monkeypatch):
    path = tmp_path / "progress"
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    with Display("train sst5 lstm 1") as display:
        display(HALFWAY)
    assert path.read_text(encoding="utf-8") == HALFWAY.in_words()
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_terminal_or_a_scheduler_nothing_is_said(monkeypatch, capfd):
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    with Display("train sst5 lstm 1") as display:
        display(HALFWAY)
    assert capfd.readouterr() == ("", "")


def test_an_epoch_that_is_longer_than_expected_is_never_more_than_done():
    clock = Clock(tokens_an_epoch=100, epochs=1)
    clock.start(1)
    clock.add(150)
    found = clock.progress(0.5, "accuracy", 0.5)
    assert found.done == 1.0
    assert found.seconds_left == 0.0


def test_an_epoch_that_goes_on_is_as_far_as_it_was_and_as_fast_as_it_is_now(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = Clock(tokens_an_epoch=1000, epochs=3)
    clock.start(2, read_before=600)
    now[0] += 2.0
    clock.add(200)
    found = clock.progress(0.5, "accuracy", 0.5)
    assert (found.done, found.tokens_per_second, found.seconds_left) == (0.8, 100.0, 12.0)
    clock.end()
    assert (clock.tokens, clock.seconds) == (200, 2.0)


def test_a_line_of_rows_says_how_many_how_fast_and_how_long_still():
    assert Rows(150_000, 600_000, 10.0).in_words() == "150,000 of 600,000 rows  15,000 rows/s  0:30 left"


def test_rows_are_added_up_and_shown_no_more_than_twice_a_second(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    shown = []
    clock = RowClock(1000, shown.append)
    for _ in range(10):
        now[0] += 0.2
        clock.add(50)
    assert [rows.done for rows in shown] == [150, 300, 450]
    assert shown[-1].seconds == pytest.approx(1.8)
