"""A search repeats, goes on as if it had never been stopped, and trains nothing twice."""

import math

import pytest
from searched import NAME, SPACE, Laboratory, Stop, invented, refusal_of, search, start

from unroll.search.course import Course, best_of
from unroll.search.sampler import Sampler
from unroll.search.space import laid_over
from unroll.search.trainer import Job, Trained

pytest.importorskip("optuna")


def test_the_same_lines_give_the_same_table(tmp_path):
    tables = []
    for name in ("first", "second"):
        laboratory = Laboratory(tmp_path / name)
        laboratory.run(search())
        tables.append(laboratory.table.read_bytes())
    assert tables[0] == tables[1]
    assert len(tables[0].splitlines()) == 1 + 1 + 14  # header, network as it stands, trials


def test_another_seed_of_the_sampler_tries_other_settings(tmp_path):
    first = Laboratory(tmp_path / "first").run(search())
    other = Laboratory(tmp_path / "other").run(search(seed=4))
    assert first[0] == other[0]
    assert [trial.setting for trial in first[1:]] != [trial.setting for trial in other[1:]]


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_search_that_was_stopped_ends_as_one_that_was_not(tmp_path, at_once):
    asked = search(at_once=at_once)
    whole = Laboratory(tmp_path / "whole")
    whole.run(asked)
    # In the network as it stands, after it, within a trial, and late, where the sampler has learnt.
    for stops in ((1,), (2,), (5, 6), (9, 25)):
        stopped = Laboratory(tmp_path / "-".join(map(str, stops)))
        for stop in stops:
            with pytest.raises(Stop):
                stopped.run(asked, stop_after=stop)
        stopped.run(asked)
        assert stopped.table.read_bytes() == whole.table.read_bytes()


def test_what_has_a_line_in_the_table_is_not_trained_again(tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.run(search())
    before = list(laboratory.trained)
    assert len(before) == len(set(before))
    laboratory.run(search())
    assert laboratory.trained == before


@pytest.mark.parametrize("at_once", [1, 4])
def test_more_trials_begin_as_fewer_did(tmp_path, at_once):
    whole = Laboratory(tmp_path / "whole")
    whole.run(search(trials=18, at_once=at_once))
    grown = Laboratory(tmp_path / "grown")
    grown.run(search(trials=13, at_once=at_once))
    grown.run(search(trials=18, at_once=at_once))
    assert grown.table.read_bytes() == whole.table.read_bytes()


def test_trials_that_are_drawn_together_are_trained_together(tmp_path):
    asked = search(trials=4, at_once=3)
    batches: list[list[str]] = []

    def train(jobs: list[Job]) -> list[Trained]:
        batches.append([job.name for job in jobs])
        return [invented(job) for job in jobs]

    Course(NAME, asked, start(), lambda number, setting: None, train, lambda trials: None).run(
        Sampler(asked, lower_is_better=False)
    )
    names = [[f"search-{NAME}-{number}-{seed}" for seed in (1, 2)] for number in range(5)]
    assert batches == [names[0], names[1] + names[2] + names[3], names[4]]


def test_the_sampler_learns_from_what_trials_came_to(tmp_path):
    best_at = {}
    for name, train in (("good", invented), ("bad", lambda job: negated(invented(job)))):
        trials = Laboratory(tmp_path / name, train).run(search(trials=40))
        best_at[name] = [trial.setting["hidden"] for trial in trials[25:]]
    # Best at 40 in the one, as far from it as may be in the other.
    assert mean_distance(best_at["good"]) < mean_distance(best_at["bad"])


def negated(trained: Trained) -> Trained:
    return Trained(-trained.score, trained.epochs, trained.parameters, trained.seconds)


def mean_distance(hidden: list[int]) -> float:
    return math.fsum(abs(units - 40) for units in hidden) / len(hidden)


def test_where_lower_is_better_the_mirrored_scores_give_the_same_settings(tmp_path):
    higher = Laboratory(tmp_path / "higher").run(search())
    lower = Laboratory(tmp_path / "lower", lambda job: negated(invented(job))).run(
        search(), lower_is_better=True
    )
    assert [trial.setting for trial in higher] == [trial.setting for trial in lower]
    assert best_of(higher, False).number == best_of(lower, True).number


def test_every_setting_is_one_of_the_space(tmp_path):
    for trial in Laboratory(tmp_path).run(search(trials=30))[1:]:
        setting = trial.setting
        assert setting.keys() == SPACE.keys()
        assert isinstance(setting["hidden"], int) and 4 <= setting["hidden"] <= 64
        assert setting["pooling"] in SPACE["pooling"]
        assert setting["dropout.output"] in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
        rate = setting["training.learning_rate"]
        assert 0.0001 <= rate <= 0.1 and rate == float(f"{rate:.4g}")


def test_the_network_as_it_stands_comes_first_and_is_none_of_the_samplers(tmp_path):
    begun, *trials = Laboratory(tmp_path).run(search())
    assert begun.setting == {
        "hidden": 8,
        "pooling": "max",
        "dropout.output": 0.0,
        "training.learning_rate": 0.01,
    }
    # However good it is, it is not what the search has found.
    perfect = Laboratory(tmp_path / "perfect", lambda job: Trained(float("-0-" in job.name), 1, 1, 0.0))
    assert best_of(perfect.run(search(trials=2)), False).number == 1
    assert [trial.number for trial in trials] == list(range(1, 15))


def test_a_network_that_is_drawn_again_is_not_trained_again(tmp_path):
    laboratory = Laboratory(tmp_path)
    trials = laboratory.run(search(space={"hidden": [8, 16]}, trials=6, at_once=2))
    # One of the two is the network as it stands.
    assert {name.rsplit("-", 1)[0] for name in laboratory.trained} == {
        f"search-{NAME}-{trial.number}" for trial in trials if trial.same_as is None
    }
    assert len(laboratory.trained) == 2 * 2
    for trial in trials:
        if trial.same_as is not None:
            first = trials[trial.same_as]
            assert first.number < trial.number and first.setting == trial.setting
            assert (trial.scores, trial.seconds) == (first.scores, 0.0)
    assert Laboratory(tmp_path).run(search(space={"hidden": [8, 16]}, trials=6, at_once=2)) == trials


def test_a_trial_without_numbers_is_given_up_and_told_as_worse_than_any(tmp_path):
    def train(job: Job) -> Trained:
        if job.network.pooling == "mean" and job.seed == 2:
            return Trained(None, 0, 5, 0.1)
        return invented(job)

    laboratory = Laboratory(tmp_path, train)
    trials = laboratory.run(search(trials=30))
    given_up = [trial for trial in trials if trial.setting["pooling"] == "mean"]
    assert given_up and all(trial.mean is None and trial.std is None for trial in given_up)
    assert all(trial.mean is not None for trial in trials if trial not in given_up)
    assert best_of(trials, False) not in given_up
    # So the sampler keeps away from them: after the ten at random there are fewer.
    random, learnt = trials[1:11], trials[11:]
    assert sum(trial in given_up for trial in learnt) / 20 < sum(trial in given_up for trial in random) / 10
    assert Laboratory(tmp_path, train).run(search(trials=30)) == trials
    assert laboratory.table.read_text().count(",yes,") == len(given_up)


def test_where_all_are_given_up_there_is_no_best(tmp_path):
    trials = Laboratory(tmp_path, lambda job: Trained(None, 0, 5, 0.1)).run(search(trials=12))
    assert best_of(trials, False) is None


def test_a_setting_that_three_keys_contradict_is_refused_when_it_is_drawn(tmp_path):
    space = {"layers": [1, 2], "bidirectional": [False, True], "pretraining": [None, {"epochs": 1}]}
    words = refusal_of(lambda: Laboratory(tmp_path).run(search(space=space, trials=20)))
    assert "layers must be 1" in words


def test_other_values_are_laid_over_a_network_without_changing_it():
    lines = {"cell": "gru", "embedding": {"size": 6}, "pretraining": None}
    made = laid_over(
        lines, {"embedding.scale": 0.1, "training.epochs": 3, "pretraining.epochs": 2, "hidden": 5}
    )
    assert made == {
        "cell": "gru",
        "embedding": {"size": 6, "scale": 0.1},
        "pretraining": {"epochs": 2},
        "training": {"epochs": 3},
        "hidden": 5,
    }
    assert lines == {"cell": "gru", "embedding": {"size": 6}, "pretraining": None}


def test_a_setting_of_training_goes_before_the_corpus():
    _, rules = start(learning_rate=0.5).at({"training.learning_rate": 0.02})
    assert rules.learning_rate == 0.02
