"""The trials on disk: what is read is what was written, and what belongs elsewhere is refused."""

import csv
import json

import pytest
from searched import Laboratory, Stop, invented, refusal_of, search

from unroll.search.course import Trial
from unroll.search.record import Record

KEYS = ["hidden", "pooling", "pretraining", "training.learning_rate"]
SETTING = {"hidden": 7, "pooling": "max+attention", "pretraining": None, "training.learning_rate": 0.1 + 0.2}
TRIALS = [
    Trial(0, SETTING, (1 / 3, 2 / 3), 6, 1234, seconds=0.1),
    Trial(
        1, SETTING | {"pooling": "last", "pretraining": {"epochs": 2}}, (None, 0.5), 3, 1235, seconds=1 / 7
    ),
    Trial(2, SETTING, (1 / 3, 2 / 3), 6, 1234, same_as=0),
]
ORIGIN = {"search": {"seeds": (1, 2)}, "data": "abc", "code": "def"}


@pytest.fixture
def record(tmp_path) -> Record:
    return Record(tmp_path / "found.csv", KEYS, (1, 2), ORIGIN)


def again(record: Record, **origin: str) -> Record:
    return Record(record.table, KEYS, (1, 2), ORIGIN | origin)


def test_what_is_read_is_what_was_written(record):
    record.write(TRIALS)
    found = again(record)
    assert [found.known(trial.number, trial.setting) for trial in TRIALS] == TRIALS
    assert found.known(3, SETTING) is None
    found.write(TRIALS)
    assert [again(record).known(trial.number, trial.setting) for trial in TRIALS] == TRIALS


def test_the_table_can_be_read_by_people(record):
    record.write(TRIALS)
    with open(record.table, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[1] == {
        "trial": "1",
        "hidden": "7",
        "pooling": "last",
        "pretraining": '{"epochs": 2}',
        "training.learning_rate": "0.30000000000000004",
        "seed_1": "",
        "seed_2": "0.5",
        "mean": "",
        "epochs": "3",
        "parameters": "1235",
        "given_up": "yes",
        "same_as": "",
    }


def test_times_are_not_in_the_table(record):
    record.write(TRIALS)
    before = record.table.read_bytes()
    record.write([Trial(**{**vars(trial), "seconds": 9.0}) for trial in TRIALS])
    assert record.table.read_bytes() == before
    assert again(record).known(1, TRIALS[1].setting).seconds == 9.0


@pytest.mark.parametrize("part", ORIGIN)
def test_what_belongs_to_something_else_is_refused_by_what_differs(record, part):
    record.write(TRIALS)
    words = refusal_of(lambda: again(record, **{part: "other"}))
    assert f"{record.table} belongs to another {part} than this search has now: move it away" in words
    assert "found.json" in words and "another name in params.yaml" in words


def test_without_a_table_what_lies_beside_it_says_nothing(record):
    record.write(TRIALS)
    record.table.unlink()
    assert again(record, data="other").known(0, SETTING) is None


def test_a_table_of_unknown_origin_is_refused(record):
    record.write(TRIALS)
    record.beside.write_text('{"seconds": []}', encoding="utf-8")
    assert "has an origin that cannot be read" in refusal_of(lambda: again(record))
    record.beside.unlink()
    assert "says nothing of its origin" in refusal_of(lambda: again(record))


DAMAGE = {
    "a line too few": (lambda lines: [*lines[:2], *lines[3:]], "is damaged"),
    "other columns": (lambda lines: [lines[0].replace("hidden", "hiden"), *lines[1:]], "is damaged"),
    "half a line": (lambda lines: [*lines[:3], lines[3][:9]], "another setting in trial 2"),
    "a line too long": (lambda lines: [*lines[:3], f"{lines[3]},more"], "is damaged"),
    "a score that is none": (lambda lines: [*lines[:3], lines[3].replace("0.333", "O.333", 1)], "trial 2"),
    "another setting": (lambda lines: [*lines[:3], lines[3].replace("max+", "mean+")], "trial 2"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_table_is_refused(record, damage):
    change, words = DAMAGE[damage]
    record.write(TRIALS)
    lines = record.table.read_text(encoding="utf-8").splitlines()
    record.table.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")

    def read() -> None:
        found = again(record)
        for trial in TRIALS:
            found.known(trial.number, trial.setting)

    assert words in refusal_of(read)


def test_times_that_are_missing_are_damage(record):
    record.write(TRIALS)
    document = json.loads(record.beside.read_text(encoding="utf-8"))
    record.beside.write_text(json.dumps(document | {"seconds": [0.1]}), encoding="utf-8")
    assert "damaged in trial 1" in refusal_of(lambda: again(record).known(1, TRIALS[1].setting))


def test_a_table_that_the_sampler_would_not_draw_is_refused_and_kept(tmp_path):
    pytest.importorskip("optuna")
    laboratory = Laboratory(tmp_path)
    with pytest.raises(Stop):
        laboratory.run(search(), stop_after=9)
    lines = laboratory.table.read_text(encoding="utf-8").splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([cells[0], str(int(cells[1]) % 60 + 4), *cells[2:]])
    laboratory.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = laboratory.table.read_bytes()
    words = refusal_of(lambda: Laboratory(tmp_path, invented).run(search()))
    assert "has another setting in trial 2 than the search draws" in words
    assert laboratory.table.read_bytes() == before
