"""Golden digests: the same bits as when golden.json was written, and within 1e-4 on any other machine.

A digest holds where the profile is the one that it was made on: libraries, pinned variables and the
processor's instructions. Elsewhere the values beside it must be nearly the same. A change that should
not matter leaves all of it as it is. After one that should, write it anew, and say in the commit why:

    python -m pytest tests/test_golden.py --write-golden
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import compared
import pytest
import runs
import tiny
from safetensors.torch import save

from unroll import environment, files
from unroll.networks import products, tasks
from unroll.networks.spec import Embedding, RecurrentNetwork

GOLDEN = Path(__file__).with_name("golden.json")
TOLERANCE = 1e-4
TOLERANCES = {"bigru_bfloat16": 1e-2}
"""Another order of sums rounds some of its steps to the neighbouring bfloat16, which is 0.4 % away."""
SMALL = {"hidden": 6, "embedding": Embedding(size=8)}
NETWORKS = {
    "bag": runs.BAG,
    "elman": RecurrentNetwork(cell="elman", nonlinearity="relu", initial_state="learned", **SMALL),
    "lstm": runs.SMALL,
    "lstm_of_torch": RecurrentNetwork(cell="lstm", implementation="library", batching="packed", **SMALL),
    "gru": runs.PRETRAINED,
    "bigru_bfloat16": RecurrentNetwork(cell="gru", bidirectional=True, precision="bfloat16", **SMALL),
    "next_word": runs.READER,
}
RULES = {
    "elman": {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "momentum": 0.9,
        "schedule": "one_cycle",
        "warm_up": 0.3,
    },
    "lstm_of_torch": {"optimizer": "adamw", "weight_average": 0.9, "batch_tokens": 60},
    "gru": {"schedule": "one_cycle", "warm_up": 0.3},
}
Case = dict[str, dict]
"""digests: sha256 of bytes; values: a few floats, of which those bytes are made."""


def profile() -> dict[str, object]:
    record = environment.training_record("cpu") | products.record()
    return record | {name: version(name) for name in ("scipy", "statsmodels")}


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def trained(name: str, corpus: runs.Corpus, folder: Path) -> Case:
    rules = runs.changed(**RULES.get(name, {}))
    environment.prepare_torch("cpu", rules.matmul_precision)
    made = runs.experiment(corpus, NETWORKS[name], rules)
    model = made.model(None, "cpu")
    fitted = made.run(model, corpus.train, corpus.validation, folder / "run.safetensors")
    model.load_state_dict(fitted.weights)
    if made.predicts_words:
        scores = tasks.predict_words(model, corpus.validation).log_probabilities_T
    else:
        scores = tasks.predict(model, corpus.validation)
    curves = [epoch[key] for epoch in fitted.history for key in ("train_loss", "validation_loss")]
    return {
        "digests": {"weights": sha256_of(save(fitted.weights)), "scores": sha256_of(scores.tobytes())},
        "values": {"losses": curves, "scores": scores.ravel()[:9].tolist()},
    }


def compared_document() -> Case:
    rows = compared.some_rows()
    readers = [compared.reader("reader", rows, 4.0), compared.reader("slow_reader", rows, 5.0)]
    document = compared.made([*(compared.classifier(name, rows) for name in compared.SKILL), *readers], rows)
    pairs = [pair for task in document["tasks"] for pair in task["pairs"]]
    keys = ("difference", "low", "high", "p_rows", "p", "p_holm", "effect", "detectable")
    return {
        "digests": {"document": sha256_of(json.dumps(document).encode())},
        "values": {
            f"{pair['metric']} {pair['a']} {pair['b']}": [pair[key] for key in keys] for pair in pairs[::7]
        },
    }


@pytest.fixture(scope="module")
def golden(pytestconfig: pytest.Config) -> Iterator[Callable[[str, Case], dict]]:
    """golden(name, case): what is on record of it; with --write-golden what was just made."""
    if not pytestconfig.getoption("--write-golden"):
        yield lambda name, case: files.read_json(GOLDEN)
        return
    made = {"profile": profile(), "cases": {}}

    def keep(name: str, case: Case) -> dict:
        made["cases"][name] = case
        return made

    yield keep
    files.write_json(GOLDEN, made)


def hold(name: str, case: Case, document: dict, tolerance: float = TOLERANCE) -> None:
    wanted = document["cases"][name]
    assert case["values"].keys() == wanted["values"].keys()
    for key, values in case["values"].items():
        assert values == pytest.approx(wanted["values"][key], rel=tolerance, abs=tolerance), key
    if document["profile"] == profile():
        assert case == wanted


@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_ends_with_the_weights_and_scores_on_record(name, corpus, golden, tmp_path):
    case = trained(name, corpus, tmp_path)
    hold(name, case, golden(name, case), TOLERANCES.get(name, TOLERANCE))


def test_a_comparison_ends_with_the_document_on_record(golden):
    case = compared_document()
    hold("comparison", case, golden("comparison", case))


def test_vocabulary_and_ids_are_the_bytes_on_record_on_any_machine(golden, corpus, tmp_path):
    corpus.vocabulary.save(tmp_path / "vocabulary.txt")
    tiny.encoded(tmp_path / "validation", tiny.rows(20, seed=1), corpus.vocabulary)
    written = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    digests = {str(path.relative_to(tmp_path)): files.sha256_of(path) for path in written}
    case = {"digests": digests, "values": {}}
    assert case == golden("encoding", case)["cases"]["encoding"]
