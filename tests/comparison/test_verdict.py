"""The answer in words says what the tests found, and no more."""

import pytest

from unroll.comparison.verdict import verdict


def network(name: str, mean: float, low: float | None = None, high: float | None = None) -> dict:
    return {"name": name, "scores": {"accuracy": {"mean": mean, "both_low": low, "both_high": high}}}


def task(p_holm: dict[str, float], headline: str = "accuracy", detectable: float | None = 0.021) -> dict:
    """A contest in which gru leads, 1.2 points or nats before each of the others."""
    sign = -1 if headline in ("loss", "perplexity") else 1
    networks = [network("gru", 0.432, 0.41, 0.454), *(network(name, 0.42) for name in p_holm)]
    for one in networks:
        one["scores"][headline] = one["scores"]["accuracy"]
    return {
        "headline": headline,
        "networks": networks,
        "ensembles": [],
        "floors": [],
        "pairs": [
            {
                "metric": headline,
                "a": "gru",
                "b": name,
                "difference": sign * 0.012,
                "low": sign * (0.002 if p < 0.05 else -0.01),
                "high": sign * 0.022,
                "p_holm": p,
            }
            for name, p in p_holm.items()
        ],
        "power": {headline: {"detectable": detectable}},
    }


def test_a_network_that_was_run_alone_is_not_called_the_best():
    said = verdict(task({}), 0.95)
    assert said == (
        "gru was run alone: accuracy, 43.2 % (95 % interval over seeds and test rows: 41.0 to 45.4)."
    )


def test_a_lead_within_the_noise_is_called_so_and_so_is_what_could_have_been_shown():
    said = verdict(task({"lstm": 0.4, "rnn": 0.051}), 0.95)
    assert said.startswith("No difference shown: gru has the highest accuracy, 43.2 %")
    assert "its lead over lstm, 1.2 points (-1.0 to +2.2, p = 0.4), is within the noise" in said
    assert said.endswith("is a difference of 2.1 points or more.")
    assert "better" not in said


def test_a_network_that_beats_every_other_is_said_to():
    said = verdict(task({"lstm": 0.01, "rnn": 0.0004}), 0.95)
    assert "It is better than every other: than lstm by 1.2 points (0.2 to 2.2, p = 0.01)." in said
    assert "No difference" not in said and "noise" not in said


def test_of_some_it_is_said_and_of_the_others_it_is_not():
    said = verdict(task({"lstm": 0.2, "rnn": 0.0004, "bow": 0.03}), 0.95)
    assert "better than rnn and bow: than rnn by 1.2 points (0.2 to 2.2, p < 0.001)" in said
    assert "No difference is shown between it and lstm." in said


def test_the_only_one_that_is_beaten_is_named_once():
    said = verdict(task({"lstm": 0.2, "rnn": 0.2, "bow": 0.03}), 0.95)
    assert "It is better than bow by 1.2 points (0.2 to 2.2, p = 0.03). No difference" in said


@pytest.mark.parametrize(("level", "better"), [(0.95, True), (0.99, False)])
def test_the_level_decides_what_counts(level, better):
    assert ("better" in verdict(task({"lstm": 0.03}), level)) == better


def test_of_a_loss_less_is_better_and_a_lead_is_positive():
    said = verdict(task({"lstm": 0.01}, headline="loss"), 0.95)
    assert "gru has the lowest loss, 0.432" in said
    assert "than lstm by 0.012 (0.002 to 0.022, p = 0.01)" in said and "points" not in said


def test_without_an_interval_or_a_known_power_neither_is_told():
    contest = task({"lstm": 0.4}, detectable=None)
    contest["networks"][0]["scores"]["accuracy"] |= {"both_low": None, "both_high": None}
    said = verdict(contest, 0.95)
    assert "interval" not in said and "this design" not in said


# --- the floor ----------------------------------------------------------------------------------------

FLOOR = {"name": "tfidf", "system": "n-grams"}


def floored(gains: dict[str, tuple[float, float]], value: float = 0.42) -> dict:
    """A contest in which gru leads; of each network how far it is above a floor, and p."""
    found = task({name: 0.0004 for name in gains if name != "gru"})
    against = [
        {
            "metric": "accuracy",
            "a": name,
            "b": "tfidf",
            "difference": gain,
            "low": gain - 0.01,
            "high": gain + 0.01,
        }
        | {"p_holm": p}
        for name, (gain, p) in gains.items()
    ]
    scores = {"accuracy": {"mean": value}}
    return found | {"floors": [FLOOR | {"scores": scores}], "pairs": found["pairs"] + against}


def test_a_floor_that_all_are_surely_above_is_not_spoken_of():
    contest = floored({"gru": (0.03, 0.001), "rnn": (0.01, 0.2)})
    assert verdict(contest, 0.95) == verdict(contest | {"floors": []}, 0.95)
    assert "better than every other: than rnn" in verdict(contest, 0.95)


def test_a_lead_over_the_floor_that_may_be_noise_is_called_so():
    said = verdict(floored({"gru": (0.005, 0.3), "rnn": (0.001, 0.9)}), 0.95)
    assert said.endswith(
        "The lead of gru over the floor of n-grams, 0.5 points (-0.5 to +1.5, p = 0.3), is within the noise."
    )
    assert "Below" not in said


def test_networks_below_the_floor_are_named_and_which_of_them_surely():
    gains = {"gru": (0.03, 0.001), "rnn": (-0.005, 0.3), "bow": (-0.03, 0.001)}
    said = verdict(floored(gains), 0.95)
    assert said.endswith("Below the floor of n-grams, 42.0 %: rnn and bow (told apart: bow).")
    assert "The lead of" not in said


@pytest.mark.parametrize(("p", "surely"), [(0.001, "all"), (0.5, "none")])
def test_a_best_network_below_the_floor_has_no_lead_over_it(p, surely):
    said = verdict(floored({"gru": (-0.02, p), "rnn": (-0.03, p)}), 0.95)
    assert said.endswith(f"Below the floor of n-grams, 42.0 %: gru and rnn (told apart: {surely}).")
    assert "The lead of" not in said


# --- an ensemble --------------------------------------------------------------------------------------


def joined(difference: float, p: float, headline: str = "accuracy") -> dict:
    """A contest in which gru leads, and so far is it above an ensemble, with this p."""
    found = task({"rnn": 0.0004}, headline)
    pair = {"metric": headline, "a": "gru", "b": "both", "difference": difference}
    pair |= {"low": difference - 0.01, "high": difference + 0.01, "p_holm": p}
    ensemble = {"name": "both", "scores": {headline: {"mean": 0.432 - difference}}}
    return found | {"ensembles": [ensemble], "pairs": [*found["pairs"], pair]}


def test_an_ensemble_is_held_against_the_best_network_and_is_not_one():
    said = verdict(joined(-0.02, 0.001), 0.95)
    assert said.startswith(verdict(task({"rnn": 0.0004}), 0.95))
    assert said.endswith(
        " The ensemble both has 45.2 %; it is better than gru: 2.0 points (1.0 to 3.0, p = 0.001)."
    )


def test_an_ensemble_may_be_worse_and_its_distance_noise():
    said = verdict(joined(0.02, 0.001), 0.95)
    assert said.endswith("has 41.2 %; it is worse than gru: -2.0 points (-3.0 to -1.0, p = 0.001).")
    said = verdict(joined(-0.004, 0.4), 0.95)
    assert said.endswith(
        "has 43.6 %; its distance to gru, 0.4 points (-0.6 to +1.4, p = 0.4), is within the noise."
    )


def test_of_a_loss_an_ensemble_with_less_is_better():
    said = verdict(joined(0.02, 0.001, "loss"), 0.95)
    assert "it is better than gru: 0.020 (0.010 to 0.030, p = 0.001)." in said


def test_an_ensemble_below_the_floor_is_named_with_the_networks():
    contest = joined(-0.02, 0.5) | {"floors": [FLOOR | {"scores": {"accuracy": {"mean": 0.46}}}]}
    against = {"gru": -0.028, "rnn": -0.04, "both": -0.008}
    contest["pairs"] += [
        {"metric": "accuracy", "a": name, "b": "tfidf", "difference": gain, "p_holm": 0.2}
        for name, gain in against.items()
    ]
    assert verdict(contest, 0.95).endswith(": gru, rnn and both (told apart: none).")
