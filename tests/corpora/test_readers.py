"""Whatever the source: rows that repeat byte for byte, checked against their pins, with a record."""

import hashlib
from pathlib import Path

import pytest
import tiny
from dvc.utils.serialize import load_yaml
from hub_child import COUNTS, JSONL, PARQUET, SPLITS, assert_told_plainly, hub_source, repository, run_stage
from ruamel.yaml import YAML

from stages import download, environment, preprocess
from unroll import frames
from unroll.corpus import Corpus
from unroll.failures import Refusal
from unroll.files import read_json, sha256_of
from unroll.params import parse

ODD_TEXTS = [
    "NA",
    "null",
    "None",
    "nan",
    "-",
    "a\u2028b",
    "a\x85b",
    "a\tb\nc",
    'the "old" lamp',
    "ünïcödé 😀",
    "1.0",
]


def of_texts(texts: list[str]) -> list[dict]:
    return [{"text": text, "label": number % 3} for number, text in enumerate(texts)]


@pytest.mark.parametrize("files", [JSONL, PARQUET])
def test_texts_that_look_like_missing_values_or_line_ends_survive(hub, child, tmp_path, files):
    write = tiny.as_jsonl if files == JSONL else tiny.as_parquet
    hub.repositories = {"a/odd": {"main": repository(files, train=write(of_texts(ODD_TEXTS)))}}
    splits, record = child.fetch(hub_source("a/odd", files, rows=COUNTS | {"train": len(ODD_TEXTS)}))
    assert [row["text"] for row in splits["train"]] == ODD_TEXTS
    # The digest is of the rows, not of the file format that held them.
    lines = "".join(f"{row['label']}\t{row['text']}\n" for row in of_texts(ODD_TEXTS))
    assert record["sha256"]["train"] == hashlib.sha256(lines.encode()).hexdigest()


def test_texts_survive_the_canonical_parquet(tmp_path):
    table = frames.pd.DataFrame({"row": range(len(ODD_TEXTS)), "text": ODD_TEXTS, "label": 0})
    frames.write_parquet(tmp_path / "odd.parquet", table, frames.RAW)
    assert list(frames.read_parquet(tmp_path / "odd.parquet")["text"]) == ODD_TEXTS


def test_a_wrong_number_of_rows_from_the_hub_ends_the_stage_and_writes_nothing(hub, tmp_path):
    hub.repositories = {"a/rows": {"main": repository()}}
    done = run_stage(tmp_path, hub_source("a/rows", rows=COUNTS | {"test": 7}), hub.environment(tmp_path))
    assert_told_plainly(done, tmp_path, "a/rows", "test: 4 rows where 7 are expected")


def test_a_wrong_digest_from_the_hub_is_refused_and_named(hub, child):
    hub.repositories = {"a/rows": {"main": repository()}}
    _, record = child.fetch(hub_source("a/rows"))
    digests = record["sha256"]
    assert child.fetch(hub_source("a/rows", sha256=digests))[1] == record
    words = child.refusal(hub_source("a/rows", sha256=digests | {"validation": "0" * 64}))
    assert f"validation: sha256 of the rows is {digests['validation']}" in words
    assert "train:" not in words


def test_labels_of_one_file_are_not_made_what_those_of_another_are(hub, child):
    truths = tiny.as_parquet([{"text": "a", "label": True}] * 6)
    hub.repositories = {"a/truths": {"main": repository(PARQUET, train=truths)}}
    assert "train, row 0: label is True" in child.refusal(hub_source("a/truths", PARQUET))


def test_a_label_below_zero_is_refused_with_its_row(hub, child):
    rows = [*tiny.rows(5, seed=0), {"text": "a lamp", "label": -100}]
    hub.repositories = {"a/below": {"main": repository(train=tiny.as_jsonl(rows))}}
    assert "train, row 5: " in child.refusal(hub_source("a/below"))


def test_a_changed_text_changes_the_digest(hub, child):
    rows = tiny.rows(6, seed=0)
    hub.repositories = {"a/rows": {"main": repository()}}
    _, before = child.fetch(hub_source("a/rows"))
    rows[3]["text"] += "!"
    hub.repositories = {"a/rows": {"main": repository(train=tiny.as_jsonl(rows))}}
    _, after = child.fetch(hub_source("a/rows"))
    assert before["sha256"]["train"] != after["sha256"]["train"]
    assert before["sha256"]["test"] == after["sha256"]["test"]


# --- carved splits ----------------------------------------------------------------------------------


def test_a_split_that_a_data_set_lacks_is_carved_out_of_train(hub, child):
    train, test = tiny.rows(200, seed=0), tiny.rows(4, seed=1)
    hub.repositories = {
        "a/two": {"main": {"train.jsonl": tiny.as_jsonl(train), "test.jsonl": tiny.as_jsonl(test)}}
    }
    source = hub_source("a/two", rows={"train": 200, "test": 4}, carve={"validation": 0.2})
    del source["files"]["validation"]
    splits, record = child.fetch(source)
    assert list(splits) == list(SPLITS)
    assert [row["text"] for row in splits["test"]] == [row["text"] for row in test]
    # The pin is of the file; the record says what each split has.
    assert record["differences"] == [] and record["carved"] == {"validation": 0.2}
    assert 20 < record["rows"]["validation"] < 60
    assert record["rows"]["train"] + record["rows"]["validation"] == 200
    texts = {split: {row["text"] for row in rows} for split, rows in splits.items()}
    assert texts["train"] | texts["validation"] == {row["text"] for row in train}
    assert "train: 200 rows where 201 are expected" in child.refusal(
        source | {"rows": {"train": 201, "test": 4}}
    )


# --- what params.yaml names -------------------------------------------------------------------------

SHIPPED = YAML(typ="safe").load((tiny.ROOT / "params.yaml").read_text(encoding="utf-8"))["corpora"]
TWEETEVAL = {
    name: corpus
    for name, corpus in SHIPPED.items()
    if corpus["source"].get("dataset") == "cardiffnlp/tweet_eval"
}


def prepare(hub, child, folder, name: str, corpus: dict) -> tuple[dict, dict]:
    """Run an entry as it is shipped on invented rows, as many a class as a tiny corpus needs."""
    source, classes = corpus["source"], len(corpus["labels"])
    counts = {"train": 40 * classes, "validation": 2 * classes, "test": 3 * classes}
    tables = {
        split: [
            {"text": f"{split} @ann {row} &amp; lamp {row % classes}!", "label": row % classes}
            for row in range(counts[split])
        ]
        for split in source["files"]
    }
    files = {
        pattern.replace("*", "00000-of-00001"): tiny.as_parquet(tables[split])
        for split, pattern in source["files"].items()
    }
    hub.repositories = {source["dataset"]: {source["revision"]: files}}
    source = source | {"rows": {split: counts[split] for split in source["files"]}}
    tiny.write_params(folder, {"corpora": {name: corpus | {"source": source}}})
    child.prepare(folder, name)
    clean = folder / "data/clean" / name
    splits = {split: frames.read_parquet(clean / f"{split}.parquet") for split in SPLITS}
    return splits, read_json(clean / "profile.json")


@pytest.mark.parametrize("name", TWEETEVAL)
def test_a_tweeteval_task_needs_nothing_but_its_entry(hub, child, tmp_path, name):
    splits, profile = prepare(hub, child, tmp_path, name, TWEETEVAL[name])
    classes = len(TWEETEVAL[name]["labels"])
    assert len(splits["train"]) == 40 * classes and len(splits["test"]) == 3 * classes
    assert splits["test"]["tokens"][0] == ["test", "@user", "0", "&", "lamp", "0", "!"]
    assert profile["train"]["labels"] == dict.fromkeys(TWEETEVAL[name]["labels"], 40)


def test_every_tweeteval_task_has_an_entry_of_the_published_size():
    tasks = {name: corpus["source"]["rows"] for name, corpus in TWEETEVAL.items()}
    sizes = {name: tuple(rows[split] for split in SPLITS) for name, rows in tasks.items()}
    assert sizes == {
        "tweets": (45615, 2000, 12284),
        "emoji": (45000, 5000, 50000),
        "emotion": (3257, 374, 1421),
        "hate": (9000, 1000, 2970),
        "irony": (2862, 955, 784),
        "offensive": (11916, 1324, 860),
        "stance_abortion": (587, 66, 280),
        "stance_atheism": (461, 52, 220),
        "stance_climate": (355, 40, 169),
        "stance_feminist": (597, 67, 285),
        "stance_hillary": (620, 69, 295),
    }
    for name, corpus in TWEETEVAL.items():
        folder = "sentiment" if name == "tweets" else name
        assert corpus["source"]["files"] == {split: f"{folder}/{split}-*.parquet" for split in SPLITS}
    assert [len(TWEETEVAL[name]["labels"]) for name in sizes] == [3, 20, 4, 2, 2, 2, 3, 3, 3, 3, 3]


def test_ag_news_gets_a_validation_split(hub, child, tmp_path):
    splits, _ = prepare(hub, child, tmp_path, "ag_news", SHIPPED["ag_news"])
    assert 1 <= len(splits["validation"]) <= 30
    assert len(splits["train"]) + len(splits["validation"]) == 160
    assert splits["test"]["tokens"][0] == ["test", "@ann", "0", "&amp", "lamp", "0", "!"]


def test_dvc_and_unroll_read_the_same_entries():
    assert load_yaml(tiny.ROOT / "params.yaml")["corpora"] == SHIPPED


def test_the_guides_example_of_a_file_of_ones_own_needs_nothing_but_its_entry(tmp_path, monkeypatch):
    guide = Path("docs/corpora.md")
    text = (tiny.ROOT / guide).read_text(encoding="utf-8")
    example = text.split("```yaml\n  reviews:\n")[1].split("```")[0]
    document = YAML(typ="safe").load(f"reviews:\n{example}")
    parse(document["reviews"], Corpus, "corpora.reviews", guide)
    monkeypatch.chdir(tmp_path)
    tiny.write_params(tmp_path, {"corpora": document})
    rows = [f'"{row}, a {word} lamp",{word}\n' for row in range(50) for word in ("bad", "good")]
    (tmp_path / "my").mkdir()
    (tmp_path / "my/reviews.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    tiny.record_corpus(tmp_path, "reviews")
    download.main("reviews")
    preprocess.main("reviews")
    profile = read_json(tmp_path / "data/clean/reviews/profile.json")
    assert sum(profile[split]["rows"] for split in SPLITS) == 100
    train = frames.read_parquet(tmp_path / "data/clean/reviews/train.parquet")
    for tokens, label in zip(train["tokens"], train["label"], strict=True):
        assert tokens[1:] == [",", "a", ("bad", "good")[label], "lamp"]


def test_a_files_labels_are_numbers_where_relabel_gives_them_their_classes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = {"kind": "file", "files": {split: "all.csv" for split in SPLITS}}
    corpus = {"source": source, "labels": ["bad", "good"], "relabel": [0, 0, None, 1]}
    tiny.write_params(tmp_path, {"corpora": {"mine": corpus}})
    (tmp_path / "all.csv").write_text("text,label\na,3\nb,0\n")
    tiny.record_corpus(tmp_path, "mine")
    download.main("mine")
    assert list(frames.read_parquet(tmp_path / "data/raw/mine/train.parquet")["label"]) == [3, 0]
    (tmp_path / "all.csv").write_text("text,label\na,good\n")
    with pytest.raises(Refusal, match="line 2: label is 'good', none of 0, 1, 2, 3"):
        download.main("mine")


def test_the_environment_stage_records_the_files_of_the_selected_corpora(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = tiny.params()
    mine = params["corpora"]["tiny_rows"] | {
        "source": {"kind": "file", "files": dict.fromkeys(SPLITS, "all.csv")},
        "text": {"tokenizer": "whitespace"},
    }
    params["corpora"] |= {"mine": mine}
    params["select"]["corpora"] = ["mine", "tiny_trees"]
    tiny.write_params(tmp_path, params)
    with pytest.raises(Refusal, match=r"corpora\.mine\.source\.files\.\w+: there is no file all\.csv"):
        environment.main()
    (tmp_path / "all.csv").write_text("text,label\na,0\n")
    environment.main()
    records = tmp_path / "data/environment/corpora"
    assert {path.name for path in records.iterdir()} == {"mine.json", "tiny_trees.json"}
    assert read_json(records / "mine.json") == {"all.csv": sha256_of(tmp_path / "all.csv")}
    assert read_json(records / "tiny_trees.json") == {}


def test_training_texts_of_other_corpora_are_read_without_their_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = tiny.params()
    rows = params["corpora"]["tiny_rows"] | {"text": {"tokenizer": "whitespace"}}
    other = {"kind": "file", "files": {"train": "more.csv", "validation": "other.csv", "test": "other.csv"}}
    params["corpora"] |= {
        "mine": rows
        | {
            "source": {"kind": "file", "files": dict.fromkeys(SPLITS, "all.csv")},
            "labels": ["b", "c"],
            "relabel": [None, 0, 1],
            "pretraining_texts": ["other"],
        },
        "other": rows | {"source": other, "labels": ["lit", "dark"], "relabel": None},
    }
    params["select"]["corpora"] = ["mine"]
    tiny.write_params(tmp_path, params)
    (tmp_path / "all.csv").write_text("text,label\na lamp,1\nan oak,0\n")
    (tmp_path / "more.csv").write_text("text,label\na dark room,dark\na lit room,lit\n")
    (tmp_path / "other.csv").write_text("text,label\na hall,lit\n")
    environment.main()
    recorded = read_json(tmp_path / "data/environment/corpora/mine.json")
    assert set(recorded) == {"all.csv", "more.csv", "other.csv", "pretraining_texts"}
    download.main("mine")
    folder = tmp_path / "data/raw/mine"
    further = frames.read_parquet(folder / "further.parquet")
    assert further["text"].tolist() == ["a dark room", "a lit room"]
    assert further["label"].tolist() == [1, 1]  # the first of the source's labels that has a class
    assert read_json(folder / "source.json")["pretraining_texts"]["other"]["rows"]["train"] == 2
    (tmp_path / "more.csv").write_text("text,label\na dark room,dark\n")
    environment.main()
    assert read_json(tmp_path / "data/environment/corpora/mine.json") != recorded
