"""The times beside the page are those of the trainings that it is about, where they were kept."""

import json

from unroll import files
from unroll.report import times

DOCUMENT = {"corpus": "rows", "seeds": [1, 2], "tasks": [{"networks": [{"name": "gru"}, {"name": "bow"}]}]}


def read(script: str) -> dict:
    assert script.startswith("window.unrollTimes = ") and script.endswith(";\n")
    return json.loads(script.removeprefix("window.unrollTimes = ").removesuffix(";\n"))


def keep(folder, name: str, loop: float) -> None:
    document = {"seconds": {"all": loop + 2, "loop": loop}, "tokens_per_second": 1000.5}
    files.write_json(folder / f"{name}.json", document)


def test_a_training_has_the_time_of_its_loop_and_its_pace(tmp_path):
    keep(tmp_path, "rows-gru-2", 8.5)
    assert read(times.as_script(tmp_path, [DOCUMENT])) == {
        "rows": {"gru": {"2": {"seconds": 8.5, "tokens_per_second": 1000.5}}}
    }


def test_trainings_that_are_not_compared_are_left_out(tmp_path):
    for name in ("rows-gru-3", "rows-lstm-1", "others-gru-1"):
        keep(tmp_path, name, 1.0)
    assert read(times.as_script(tmp_path, [DOCUMENT])) == {}


def test_without_any_times_there_is_an_empty_script(tmp_path):
    assert read(times.as_script(tmp_path / "nowhere", [DOCUMENT])) == {}
