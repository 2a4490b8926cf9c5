"""A package runs by itself: its own code, what its requirements name, and nothing of the tracker."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks import invented_tweets, serving
from unroll.serving.closure import packages_of
from unroll.tracking import package

TEXTS = invented_tweets.texts(30, seed=3)
FOREIGN = ("alembic", "datasets", "dvc", "gensim", "mlflow.pytorch", "pandera", "spacy", "statsmodels")
PROGRAM = """
import json, sys
sys.modules |= dict.fromkeys({hidden})
{first}
import mlflow.pyfunc, pandas as pd, pyarrow as pa
model = mlflow.pyfunc.load_model({folder!r})
found = model.predict(pd.DataFrame({{"text": {texts!r}}}))
ours = {{name: module.__file__ for name, module in sys.modules.items() if name.startswith("unroll.")}}
known = [name for name, module in sys.modules.items() if module]
print(json.dumps([found, ours, known, pa.default_memory_pool().backend_name], default=int))
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "package"
    serving.pack(folder, TEXTS)
    return folder


def run(folder: Path, hidden: tuple[str, ...] = (), first: str = "") -> tuple[list, dict, list, str]:
    """Load the package in a process of its own, elsewhere, and let it read two texts; `first` runs before."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    program = PROGRAM.format(hidden=list(hidden), folder=str(folder), texts=TEXTS[:2], first=first)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder.parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_reads_texts_with_its_own_code_alone(packed: Path) -> None:
    found, ours, *_ = run(packed)
    assert [set(answer) for answer in found] == [{"label", "probabilities", "spread", "agree", "unknown"}] * 2
    assert ours and all(path.startswith(str(packed / "code")) for path in ours.values())


def test_nothing_of_dvc_datasets_training_or_tracking_is_loaded(packed: Path) -> None:
    _, ours, known, _ = run(packed)
    assert not {name for name in known if name.startswith(tuple(f"{one}." for one in FOREIGN))}
    assert not set(FOREIGN) & set(known)
    parts = {name.split(".")[1] for name in ours}
    assert not parts & {"training", "tracking", "pipeline", "comparison", "report", "catalogue", "frames"}


def rules(tokenizer: str, *normalise: str) -> dict:
    """As params.yaml has them: without what is left out."""
    return {"tokenizer": tokenizer} | ({"normalise": list(normalise)} if normalise else {})


def test_it_needs_none_of_the_tokenizers_that_its_requirements_leave_out(packed: Path) -> None:
    left_out = set(package.TOKENIZERS.values()) - {"nltk"}
    assert not left_out & {line.split("==")[0] for line in package.requirements(rules("tweet"))}
    found, *_ = run(packed, tuple(left_out))
    assert len(found) == 2


@pytest.mark.parametrize(
    ("already", "allocator"), [("pyarrow", "system"), ("pyarrow, torch", "mimalloc")], ids=["own", "shared"]
)
def test_arrow_takes_memory_from_the_heap_in_a_process_of_the_server_s_own(
    packed: Path, already: str, allocator: str
) -> None:
    first = f"import {already}; pyarrow.set_memory_pool(pyarrow.mimalloc_memory_pool())"
    *_, chosen = run(packed, first=first)
    assert chosen == allocator


def test_every_requirement_is_pinned_to_what_is_installed_and_each_import_is_one() -> None:
    named = {}
    for tokenizer in ("whitespace", *package.TOKENIZERS):
        named |= dict(line.split("==") for line in package.requirements(rules(tokenizer)))
    assert not set(package.NORMALISERS.values()) & set(named)
    named |= dict(line.split("==") for line in package.requirements(rules("tweet", *package.NORMALISERS)))
    assert named == {name: version(name).split("+")[0] for name in named}
    used = packages_of(package.code_files(), package.ROOT)
    assert {package.DISTRIBUTIONS.get(name, name) for name in used} == set(named)
    assert set(package.TOKENIZERS.values()) <= used


def test_there_is_no_pickle_in_it_and_every_weight_is_safetensors(packed: Path) -> None:
    kinds = {path.suffix for path in packed.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert kinds == {"", ".json", ".py", ".safetensors", ".txt", ".yaml"}
    assert len(list(packed.rglob("weights.safetensors"))) == len(serving.SEEDS)


def test_a_damaged_weight_is_refused_on_loading(packed: Path) -> None:
    weights = packed / "artifacts/model/seeds/2/weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(AssertionError, match=r"weights\.safetensors is damaged"):
            run(packed)
    finally:
        weights.write_bytes(whole)


def test_the_key_of_the_code_changes_with_any_of_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    before = package.code_key()
    assert before == package.code_key()
    files = package.code_files()
    monkeypatch.setattr(package, "code_files", lambda: files[:-1])
    assert package.code_key() != before
