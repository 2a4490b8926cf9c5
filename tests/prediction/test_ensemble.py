"""An ensemble answers the mean of its seeds, and says how far they agree and what they do not know."""

from pathlib import Path

import numpy as np
import pytest
import tiny
from saved import save_seed

from unroll.failures import Refusal
from unroll.networks.spec import Embedding, RecurrentNetwork
from unroll.prediction.ensemble import Ensemble, Opinions
from unroll.prediction.predictor import Predictor
from unroll.text.tokenization import TextRules

LABELS = ["low", "middle", "high"]
WORDS = TextRules(tokenizer="whitespace", lowercase=True)
NETWORK = RecurrentNetwork(cell="gru", hidden=8, pooling="max", embedding=Embedding(size=8))
TEXTS = [row["text"] for row in tiny.rows(40, seed=7)]


@pytest.fixture(scope="module")
def seeds(corpus, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("seeds")
    corpus.vocabulary.save(folder / "vocabulary.txt")
    return [save(folder, seed) for seed in (1, 2, 3)]


def save(folder: Path, seed: int, labels: list[str] = LABELS) -> Path:
    return save_seed(folder / str(seed), folder / "vocabulary.txt", NETWORK, seed, labels)


def load(folders: list[Path]) -> Ensemble:
    return Ensemble.load(folders, folders[0].parent / "vocabulary.txt", WORDS)


def test_the_answer_is_the_mean_of_what_each_seed_says_alone(seeds):
    vocabulary = seeds[0].parent / "vocabulary.txt"
    alone = [Predictor.load(seed, vocabulary, WORDS).predict(TEXTS).probabilities_NC for seed in seeds]
    found = load(seeds).read(TEXTS)
    np.testing.assert_array_equal(found.probabilities_SNC, np.stack(alone))
    np.testing.assert_allclose(found.together.probabilities_NC, np.mean(alone, axis=0), atol=1e-15)


def test_the_spread_is_of_the_chosen_label_and_seeds_that_choose_it_agree():
    found = Opinions(("no", "yes"), np.array([[[0.1, 0.9]], [[0.3, 0.7]], [[0.6, 0.4]]]), [[]])
    assert found.together.labels == ["yes"]
    assert found.spread_N == pytest.approx(np.std([0.9, 0.7, 0.4], ddof=1))
    assert found.agree_N.tolist() == [2]


def test_one_seed_has_no_spread_and_agrees_with_itself(seeds):
    found = load(seeds[:1]).read(TEXTS)
    assert found.spread_N is None
    assert found.agree_N.tolist() == [1] * len(TEXTS)


def test_a_text_gets_the_same_answer_alone_and_among_others(seeds):
    ensemble = load(seeds)
    together = ensemble.read(TEXTS)
    for place in (0, 17):
        alone = ensemble.read([TEXTS[place]])
        np.testing.assert_allclose(
            alone.probabilities_SNC[:, 0], together.probabilities_SNC[:, place], atol=1e-6
        )


def test_words_without_an_id_are_told_once_each_in_their_order(seeds):
    known = tiny.FILLER[0]
    texts = [f"zzz {known} qqq zzz <pad>", known, "", "   "]
    assert load(seeds).read(texts).unknown == [["zzz", "qqq", "<pad>"], [], [], []]


def test_of_no_text_nothing_is_said(seeds):
    found = load(seeds).read([])
    assert found.together.labels == [] and found.unknown == []
    assert found.spread_N.tolist() == [] and found.agree_N.tolist() == []


def test_the_seeds_share_one_vocabulary(seeds):
    assert len({id(member.vocabulary) for member in load(seeds).members}) == 1


def test_seeds_with_other_classes_are_no_ensemble(corpus, tmp_path):
    corpus.vocabulary.save(tmp_path / "vocabulary.txt")
    folders = [save(tmp_path, 1), save(tmp_path, 2, ["a", "b", "c"])]
    with pytest.raises(Refusal, match="2 knows other classes"):
        load(folders)
