"""What a search found, in words and lines that can be pasted."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from searched import LINES, NAME, Laboratory, invented, search, start

from unroll.comparison.trials import expected_best
from unroll.networks.spec import Network
from unroll.params import parse
from unroll.search import report
from unroll.search.course import Trial, best_of
from unroll.search.trainer import Job, Trained

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def trials(tmp_path_factory) -> list[Trial]:
    return Laboratory(tmp_path_factory.mktemp("found")).run(search(trials=12))


def page(trials: list[Trial], metric: str = "macro_recall", **changes: object) -> str:
    return report.markdown(NAME, search(**changes), LINES, metric, trials)


def pasted(text: str) -> dict:
    block = text.split("```yaml\n")[1].split("```")[0]
    return YAML(typ="safe").load(f"networks:\n{block}")["networks"]


def test_what_is_pasted_is_what_was_trained(trials):
    [(name, lines)] = pasted(page(trials)).items()
    assert name == "found_best"
    best = best_of(trials, False)
    made = start(lines).at({})
    assert made == start().at(best.setting)
    assert parse(lines, Network, "", Path("params.yaml")) == made[0]


def test_odd_values_can_be_pasted_too():
    setting = {
        "pretraining": None,
        "training.learning_rate": 1e-5,
        "dropout": {"output": 0.25},
        "head": "relu",
    }
    found = Trial(1, setting, (0.5, 0.6), 2, 10)
    space = {key: [value, 0] for key, value in setting.items()}
    begun = Trial(0, dict.fromkeys(setting), (0.1, 0.1), 2, 10)
    text = report.markdown(NAME, search(space=space), LINES, "accuracy", [begun, found])
    assert start(pasted(text)["found_best"]).at({}) == start().at(setting)


def test_the_best_trial_stands_beside_the_network_as_it_is(trials):
    text = page(trials)
    for trial in (trials[0], best_of(trials, False)):
        first, second = (f"{100 * score:.1f}" for score in trial.scores)
        row = f"{100 * trial.mean:.1f} | {100 * trial.std:.1f} | {first} | {second} | {trial.parameters:,} |"
        assert f"| {trial.number} | {row}" in text
    assert "The test split was not read" in text and "partly luck" in text


def test_the_budget_is_written_down(trials):
    text = page(trials)
    assert "12 trials of 2 seeds each, and the network as it stands: 26 trainings of 78 epochs" in text
    assert "which took 13 s" in text
    expected = expected_best([trial.mean for trial in trials[1:]], lower_is_better=False)
    for count in (1, 2, 3, 5, 10, 12):
        so_far = max(trial.mean for trial in trials[1 : count + 1])
        assert f"| {count} | {100 * so_far:.1f} | {100 * expected[count - 1]:.1f} |" in text
    assert "| 20 |" not in text


def test_what_was_given_up_or_drawn_again_is_counted(tmp_path):
    def train(job: Job) -> Trained:
        return Trained(None, 0, 9, 1.0) if job.network.hidden == 16 else invented(job)

    trials = Laboratory(tmp_path, train).run(search(space={"hidden": [8, 16, 24]}, trials=12))
    text = page(trials, space={"hidden": [8, 16, 24]})
    again = sum(trial.same_as is not None for trial in trials)
    given_up = sum(trial.mean is None for trial in trials)
    assert f" {again} trials were networks that had been trained already." in text
    assert f" {given_up} were given up" in text
    assert "6 trainings" in text
    # The curve ends with those that have a score.
    assert text.splitlines()[-1].endswith("|  |")


def test_perplexity_is_better_where_it_is_lower(tmp_path):
    def train(job: Job) -> Trained:
        return Trained(200.0 + job.network.hidden, 1, 9, 1.0)

    trials = Laboratory(tmp_path, train).run(search(trials=5), lower_is_better=True)
    text = page(trials, "perplexity")
    best = min(trials[1:], key=lambda trial: trial.mean)
    assert f"| the best trial | {best.number} | {best.mean:.1f} |" in text
    assert "lower is better" in text


def test_a_search_that_found_nothing_better_says_so(trials):
    flattered = [Trial(0, trials[0].setting, (0.99, 0.99), 1, 1), *trials[1:]]
    assert "No trial beat the network as it stands." in page(flattered)
    assert "partly luck" not in page(flattered)


def test_a_search_of_which_all_is_given_up_says_so(tmp_path):
    trials = Laboratory(tmp_path, lambda job: Trained(None, 0, 5, 0.1)).run(search(trials=3))
    text = page(trials)
    assert "Every trial was given up" in text and "```" not in text
    said = report.in_a_line("accuracy", trials)
    assert said == "every trial was given up; the network as it stands given up"


def test_one_seed_has_no_spread():
    trials = [Trial(number, {"hidden": 8 + number}, (0.5,), 1, 1) for number in (0, 1)]
    text = page(trials, seeds=[1], space={"hidden": [8, 9]})
    assert "| the best trial | 1 | 50.0 |  | 50.0 | 1 |" in text
