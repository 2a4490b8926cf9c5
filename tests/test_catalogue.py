"""params.yaml is checked whole, and every fault is named by its key's full path."""

import copy

import pytest
import tiny
from shipped import PATH, SHIPPED, keys_of, refusal_of, with_values

from unroll import catalogue
from unroll.failures import Refusal
from unroll.networks.spec import Network
from unroll.params import parse


def test_the_shipped_file_is_valid():
    found = catalogue.load(tiny.ROOT / "params.yaml")
    assert set(found.corpora) == set(SHIPPED["corpora"])
    assert set(found.networks) == set(SHIPPED["networks"])
    assert found.select.seeds == tuple(SHIPPED["select"]["seeds"])


def test_the_tiny_file_of_the_pipelines_test_is_valid(tmp_path):
    tiny.write_params(tmp_path, tiny.params())
    assert set(catalogue.load(tmp_path / "params.yaml").corpora) == {"tiny_trees", "tiny_rows"}


def test_a_file_whose_sections_do_not_fit_together_is_refused(tmp_path):
    tiny.write_params(tmp_path, with_values({"select/networks": ["lstn"]}))
    with pytest.raises(Refusal, match=r"params\.yaml:\d+: select\.networks: lstn is not among"):
        catalogue.load(tmp_path / "params.yaml")


# The keys of a fault use "/", because a key may hold a dot.
FAULTS = {
    "wrong type": ("networks/lstm/hidden", "100", "networks.lstm.hidden: ", "'100'"),
    "wrong type in an unnamed place": (
        "corpora/sst5/relabel",
        [0, "1", 2, 3, 4],
        "corpora.sst5.relabel.1: ",
        "'1'",
    ),
    "a fraction for a whole number": ("training/epochs", 6.5, "training.epochs: ", "6.5"),
    "a whole number written as a fraction": ("training/epochs", 6.0, "training.epochs: ", "6.0"),
    "yes for true": ("networks/bilstm/bidirectional", "yes", "networks.bilstm.bidirectional: ", "'yes'"),
    "true for a number": ("networks/lstm/layers", True, "networks.lstm.layers: ", "True"),
    "NaN": ("training/learning_rate", float("nan"), "training.learning_rate: ", "nan"),
    "infinity": ("training/gradient_clip", float("inf"), "training.gradient_clip: ", "inf"),
    "unknown key": ("training/learning_rat", 0.1, "training.learning_rat: ", "not permitted"),
    "unknown key at the top": ("trainning", {}, "trainning: ", "not permitted"),
    "unknown key of a network": ("networks/lstm/hiden", 3, "networks.lstm.hiden: ", "not permitted"),
    "unknown key of a source": (
        "corpora/tweets/source/branch",
        "x",
        "corpora.tweets.source.branch: ",
        "permitted",
    ),
    "recurrent key of a bag": ("networks/bow/hidden", 3, "networks.bow.hidden: ", "not permitted"),
    "unknown cell": ("networks/lstm/cell", "lstmm", "networks.lstm.cell: ", "bag, elman, lstm, gru"),
    "unknown kind of source": (
        "corpora/tweets/source/kind",
        "ftp",
        "corpora.tweets.source: ",
        "'hub', 'pypi'",
    ),
    "unknown pooling": ("networks/gru/pooling", "median", "networks.gru.pooling: ", "last|mean"),
    "unknown tokenizer": (
        "corpora/tweets/text/tokenizer",
        "moses",
        "corpora.tweets.text.tokenizer: ",
        "'spacy'",
    ),
    "unknown normaliser": (
        "corpora/tweets/text/normalise",
        ["stem"],
        "corpora.tweets.text.normalise.0: ",
        "'html'",
    ),
    "unknown headline": ("corpora/sst5/headline", "f1", "corpora.sst5.headline: ", "'macro_recall'"),
    "unknown metric of a published figure": (
        "corpora/sst5/published",
        [{"system": "x", "metric": "acuracy", "value": 0.5, "source": "y"}],
        "corpora.sst5.published.0.metric: ",
        "'acuracy'",
    ),
    "published figure in per cent": (
        "corpora/sst5/published",
        [{"system": "x", "metric": "accuracy", "value": 46.4, "source": "y"}],
        "corpora.sst5.published.0.value: ",
        "46.4",
    ),
    "unknown device": ("device", "tpu", "device: ", "'auto', 'cpu' or 'cuda'"),
    "no runs on a GPU": ("machine/runs_per_gpu", 0, "machine.runs_per_gpu: ", "0"),
    "dropout of one": ("networks/lstm/dropout", {"words": 1.0}, "networks.lstm.dropout.words: ", "1.0"),
    "no layers": ("networks/lstm/layers", 0, "networks.lstm.layers: ", "0"),
    "negative rate": ("training/learning_rate", -0.1, "training.learning_rate: ", "-0.1"),
    "no rows in a batch": ("training/batch_size", 0, "training.batch_size: ", "0"),
    "relabel to a class that is none": ("corpora/sst2/relabel", [0, 2], "corpora.sst2: ", "relabel[1] is 2"),
    "negative class": ("corpora/sst2/relabel", [-1, 1], "corpora.sst2: ", "relabel[0] is -1"),
    "one class": ("corpora/sst2/labels", ["good"], "corpora.sst2.labels: ", "at least 2"),
    "a class twice": ("corpora/tweets/labels", ["good", "bad", "good"], "corpora.tweets: ", "stands twice"),
    "a digest that is none": (
        "corpora/sst5/source/sha256/test",
        "abc",
        "corpora.sst5.source.sha256.test: ",
        "abc",
    ),
    "a repository with dots": (
        "corpora/tweets/source/dataset",
        "../x",
        "corpora.tweets.source.dataset: ",
        "../x",
    ),
    "a repository with an option": (
        "corpora/tweets/source/dataset",
        "a/b c",
        "corpora.tweets.source.dataset: ",
        "a/b c",
    ),
    "a package with an option": (
        "corpora/starter_movies/source/package",
        "--index-url=http://x",
        "corpora.starter_movies.source.package: ",
        "--index-url",
    ),
    "a version that is a number": (
        "corpora/starter_movies/source/version",
        0.5,
        "corpora.starter_movies.source.version: ",
        "0.5",
    ),
    "vocabulary without room": (
        "corpora/tweets/vocabulary/max_size",
        2,
        "corpora.tweets.vocabulary.max_size: ",
        "2",
    ),
    "negative seed": ("select/seeds", [1, -1], "select.seeds.1: ", "-1"),
    "seed too large": ("suites/full/seeds", [2**31], "suites.full.seeds.0: ", "2147483648"),
    "seed twice": ("select/seeds", [1, 2, 1], "select.seeds: ", "twice"),
    "nothing selected": ("select/networks", [], "select.networks: ", "at least 1"),
    "a selection that is null": ("select/corpora", None, "select.corpora: ", "None"),
    "a network that is null": ("networks/lstm", None, "networks.lstm: ", "None"),
    "unknown network": (
        "select/networks",
        ["lstm", "lstn"],
        "select.networks: ",
        "lstn is not among lstm, bilstm, ",
    ),
    "unknown corpus of a suite": (
        "suites/starter/corpora",
        ["sst"],
        "suites.starter.corpora: ",
        "sst is not among",
    ),
    "override of a network with an unknown key": (
        "networks/lstm/training",
        {"epoch": 3},
        "networks.lstm.training.epoch: ",
        "not permitted",
    ),
    "override of a network with another type": (
        "networks/lstm/training",
        {"epochs": "3"},
        "networks.lstm.training.epochs: ",
        "'3'",
    ),
    "override of a corpus out of range": (
        "corpora/tweets/training",
        {"batch_size": 0},
        "corpora.tweets.training.batch_size: ",
        "0",
    ),
    "override of a corpus with NaN": (
        "corpora/tweets/training",
        {"learning_rate": float("nan")},
        "corpora.tweets.training.learning_rate: ",
        "nan",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_its_full_path(fault):
    key, value, where, what = FAULTS[fault]
    words = refusal_of(with_values({key: value}))
    [line] = [line for line in words.splitlines() if line.startswith(f"  {where}")]
    assert what in line
    assert len(words) < 1000  # the document has some 20,000 characters


@pytest.mark.parametrize(
    "key",
    ["networks/lstm/cell", "corpora/sst5/source/kind", "corpora/sst5/headline", "select/seeds", "training"],
)
def test_a_missing_key_is_named_by_its_full_path(key):
    document = copy.deepcopy(SHIPPED)
    *path, last = key.split("/")
    part = document
    for name in path:
        part = part[name]
    del part[last]
    # Without its kind a source cannot be told: that is where it is said.
    where = ".".join(path) if last == "kind" else key.replace("/", ".")
    assert f"\n  {where}: " in refusal_of(document)


def test_every_fault_of_every_entry_is_named_at_once():
    faults = {
        "training/epochs": 0,
        "training/momentum": 0.9,
        "networks/lstm/hidden": 0,
        "networks/lstm/nonlinearity": "relu",
        "networks/gru/pooling": "sum",
        "networks/bow/hiden": 3,
        "corpora/sst5/headline": "f1",
        "corpora/tweets/source/branch": "x",
        "machine/runs_per_gpu": "4",
    }
    assert keys_of(faults) == sorted(key.replace("/", ".") for key in faults)


def test_a_part_is_named_as_the_whole_names_it():
    network = SHIPPED["networks"]["lstm"] | {"hidden": "many"}
    with pytest.raises(Refusal, match=r"\n  networks\.lstm\.hidden: "):
        parse(network, Network, "networks.lstm", PATH)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("machine/stages", {"trian": {"cpus": 1}}, r"machine\.stages"),
        ("machine/stages", {"train": {"cpus": 0}}, r"machine\.stages\.train\.cpus"),
        ("machine/sbatch", {"time": "1\n#SBATCH --wrap=x"}, r"machine\.sbatch\.time"),
        ("machine/sbatch", {"mem-per-cpu": "4G"}, r"machine\.sbatch"),
    ],
)
def test_what_a_cluster_is_asked_for_is_checked_before_it_reaches_a_script(tmp_path, key, value, named):
    tiny.write_params(tmp_path, with_values({key: value}))
    with pytest.raises(Refusal, match=named):
        catalogue.load(tmp_path / "params.yaml")
