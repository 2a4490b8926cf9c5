"""The champion is the best by validation, in the mean over its seeds, and by nothing else."""

from pathlib import Path

import pytest

from unroll.failures import Refusal
from unroll.prediction.champion import Histories, champion, validation_score


def curve(path: Path, *scores: float, name: str = "validation_accuracy") -> Path:
    rows = [f"{epoch},{1 / epoch},{score}" for epoch, score in enumerate(scores, start=1)]
    path.write_text("\n".join([f"epoch,train_loss,{name}", *rows]) + "\n", encoding="utf-8")
    return path


def curves(folder: Path, **networks: list[float]) -> Histories:
    return {
        network: {
            seed: curve(folder / f"{network}-{seed}.csv", score) for seed, score in enumerate(scores, 1)
        }
        for network, scores in networks.items()
    }


def test_the_mean_over_seeds_decides_and_no_lucky_seed(tmp_path):
    won = champion(curves(tmp_path, gru=[0.9, 0.3], lstm=[0.7, 0.7], rnn=[0.6]), "accuracy")
    assert (won.network, won.seeds, won.rivals) == ("lstm", (1, 2), 3)
    assert won.score == pytest.approx(0.7)


def test_a_seed_has_the_score_of_the_epoch_that_was_kept(tmp_path):
    assert validation_score(curve(tmp_path / "1.csv", 0.2, 0.8, 0.5), "accuracy") == 0.8


def test_of_equals_the_first_by_name_is_taken_whatever_their_order(tmp_path):
    found = curves(tmp_path, lstm=[0.5], gru=[0.5])
    assert champion(found, "accuracy").network == "gru"
    assert champion(dict(reversed(found.items())), "accuracy").network == "gru"


def test_without_networks_there_is_no_champion(tmp_path):
    assert champion({}, "accuracy") is None
    assert champion({"gru": {}}, "accuracy") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("epoch,test_accuracy\n1,0.9\n", "validation_accuracy"),
        ("epoch,validation_accuracy\n", "no validation_accuracy of any epoch"),
        ("epoch,validation_accuracy\n1,high\n", "high"),
        ("epoch,validation_accuracy\n1\n", "NoneType"),
    ],
)
def test_a_curve_without_the_score_is_damaged(tmp_path, content, said):
    path = tmp_path / "1.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(Refusal, match=r"1\.csv is damaged") as refused:
        validation_score(path, "accuracy")
    assert said in str(refused.value)
