"""Bad inputs: files of one's own, and what texts may hold."""

import gzip
import hashlib

import pytest
import tiny
from odd_texts import ODD
from own_corpus import CORPUS, STAGES, as_csv, as_jsonl, as_tsv, rows

GOOD = [(row["text"], row["label"]) for row in rows("train")]
FAULTS = {
    "a CSV without the column of texts": ("words,label\na lamp,1\n", "no column 'text'; it has words, label"),
    "a CSV without the column of labels": ("text,stars\na lamp,1\n", "no column 'label'"),
    "a label beyond the last": (as_csv([*GOOD, ("a lamp", 3)]), "line 62: label is '3', none of bad, usual"),
    "the label -100": (as_csv([*GOOD, ("a lamp", -100)]), "line 62: label is '-100', none of"),
    "a word among numbers": (as_csv([*GOOD, ("a lamp", "grand")]), "line 62: label is 'grand', none of"),
    "an empty label": (as_csv([*GOOD, ("a lamp", "")]), "line 62: label is '', none of"),
    "the label 1.5": (as_csv([*GOOD, ("a lamp", 1.5)]), "line 62: label is '1.5', none of"),
    "the label nan": (as_csv([*GOOD, ("a lamp", "nan")]), "line 62: label is 'nan', none of"),
    "a CSV row with a cell too few": (as_csv(GOOD) + "a lamp\n", "line 62: 1 cells where 2 are expected"),
    "a CSV row with a cell too many": (as_csv(GOOD) + "a, lamp,1\n", "line 62: 3 cells where 2 are expected"),
    "a quotation mark that stays open": (as_csv(GOOD) + '"a lamp,1\n', "does a quotation mark stay open?"),
    "text behind a closed quotation": (as_csv(GOOD) + '"a" lamp,1\n', "line 62: ',' expected after '\"'"),
    "a CSV with no rows": ("text,label\n", "holds no rows"),
    "an empty file": ("", "holds no rows"),
    "a CSV in Latin 1": (as_csv([*GOOD, ("café", 1)]).encode("latin-1"), "line 62, byte 2821: not UTF-8"),
    "a CSV in UTF-16": (as_csv(GOOD).encode("utf-16"), "line 1, byte 0: not UTF-8"),
    "a CSV in UTF-16 without a mark": (as_csv(GOOD).encode("utf-16-le"), "no column 'text'"),
}
LINES = {
    "a row of JSON without a label": ('{"text": "a lamp"}', "line 61: no column 'label'"),
    "a row of JSON without a text": ('{"label": 1}', "line 61: no column 'text'"),
    "a row of JSON whose text is null": ('{"text": null, "label": 1}', "line 61: text is None, not a text"),
    "a row of JSON whose text is a number": ('{"text": 7, "label": 1}', "line 61: text is 7, not a text"),
    "a row of JSON whose text is a list": ('{"text": ["a"], "label": 1}', "line 61: text is ['a'], not a"),
    "a row of JSON whose label is true": ('{"text": "a", "label": true}', "line 61: label is True, none of"),
    "a row of JSON whose label is 1.0": ('{"text": "a", "label": 1.0}', "line 61: label is 1.0, none of"),
    "a row of JSON whose label is NaN": ('{"text": "a", "label": NaN}', "line 61: label is nan, none of"),
    "a row of JSON whose label is 2**80": (f'{{"text": "a", "label": {2**80}}}', "line 61: label is 12089"),
    "a row that is no JSON": ("{'text': 'a', 'label': 1}", "line 61: no JSON"),
    "a row of JSON cut in half": ('{"text": "a la', "line 61: no JSON"),
    "half a surrogate pair in JSON": (
        '{"text": "a \\ud800 lamp", "label": 1}',
        "line 61: text is no text: character 3, '\\ud800', is half a surrogate pair; remove it",
    ),
}


@pytest.mark.parametrize("tried", FAULTS)
def test_a_fault_in_a_csv_is_refused_with_its_line(own, refusals, tried):
    content, named = FAULTS[tried]
    own.write("train.csv", content)
    own.describe({"files": {"train": "train.csv"}, "carve": {"validation": 0.1, "test": 0.1}})
    refusals.stage(own, tried, "download", "train.csv", named)
    assert not (own.folder / "data/raw").exists()


@pytest.mark.parametrize("tried", LINES)
def test_a_fault_in_json_lines_is_refused_with_its_line(own, refusals, tried):
    line, named = LINES[tried]
    own.write("train.jsonl", as_jsonl(GOOD) + line + "\n")
    refusals.stage(own, tried, "download", "train.jsonl", named)
    assert not (own.folder / "data/raw").exists()


SOURCES = {
    "a file that is not there": (
        {"files": {"train": "gone.csv"}},
        "files.train: there is no file gone",
    ),
    "a folder in place of a file": ({"files": {"train": "folder.csv"}}, "there is no file folder.csv"),
    "half a gzip file": ({"files": {"train": "half.csv.gz"}}, "half.csv.gz cannot be read"),
    "no gzip file at all": ({"files": {"train": "no.csv.gz"}}, "no.csv.gz cannot be read"),
    "a file with fewer rows than its pin": ({"rows": {"train": 61}}, "60 rows where 61 are expected"),
    "a file with another sha256 than its pin": (
        {"sha256": {"train": "0" * 64}},
        "sha256 of the rows is",
    ),
}


@pytest.mark.parametrize("tried", SOURCES)
def test_a_source_that_is_not_as_described_is_refused(own, refusals, tried):
    source, named = SOURCES[tried]
    (own.folder / "folder.csv").mkdir()
    own.write("half.csv.gz", gzip.compress(as_csv(GOOD).encode())[:-9])
    own.write("no.csv.gz", as_csv(GOOD))
    if files := source.get("files"):
        source = {"files": files, "carve": {"validation": 0.1, "test": 0.1}}
    own.describe(source)
    refusals.stage(own, tried, "download", named)
    assert not (own.folder / "data/raw").exists()


# --- kept to the character --------------------------------------------------------------------------

FORMATS = {"csv": as_csv, "tsv": as_tsv, "jsonl": as_jsonl}


@pytest.mark.parametrize("form", FORMATS)
def test_odd_texts_are_kept_to_the_character(own, tell, form):
    tell(f"{len(ODD)} odd texts in .{form}: {', '.join(ODD)}", "")
    own.write(f"test.{form}", FORMATS[form]([(text, 0) for text in ODD.values()]))
    files = {split: f"{split}.jsonl" for split in tiny.SPLITS} | {"test": f"test.{form}"}
    own.describe({"files": files})
    own.run("download", "preprocess", "vocabulary")
    assert own.texts("raw", "test") == own.texts("clean", "test") == list(ODD.values())
    digest = hashlib.sha256("\n".join(ODD.values()).encode()).hexdigest()[:12]
    tell(f"{len(ODD)} odd texts in .{form}: {', '.join(ODD)}", f"all kept to the character (sha256 {digest})")


# --- counted ----------------------------------------------------------------------------------------

URL = "https://lamp.example/old"


def texts_in(own, split: str, *texts: str, **changes: object) -> dict:
    """Add texts to a split, run, and return the split's profile."""
    table = [(row["text"], row["label"]) for row in rows(split)] + [(text, 0) for text in texts]
    own.write(f"{split}.jsonl", as_jsonl(table))
    own.describe(**changes)
    own.run("download", "preprocess", "vocabulary")
    return own.profile()[split]


def test_empty_texts_are_dropped_from_train_and_counted_in_test(own, tell):
    train, test = texts_in(own, "train", "", " ", "\t\u3000\n"), texts_in(own, "test", "", " \u2003 ")
    assert (
        train["dropped"]["empty"] == 3 and train["rows"] == 60 and test["empty"] == 2 and test["rows"] == 26
    )
    tell(
        "texts that are empty or white space alone",
        f"{train['dropped']['empty']} dropped from train, {test['empty']} kept in test, both counted",
    )


def test_texts_that_are_links_alone_are_one_word_and_their_repeats_are_counted(own, tell):
    rules = {"tokenizer": "whitespace", "normalise": ["urls"]}
    found = texts_in(own, "train", URL, f"{URL}/2", f"{URL}/3", text=rules)
    assert found["dropped"]["repeated"] == 2 and found["rows"] == 61
    tell("three texts that are a link alone", "one word `http`: one kept in train, 2 counted as repeated")


@pytest.mark.parametrize("form", FORMATS)
def test_a_text_of_a_megabyte_is_cut_and_counted(own, tell, form):
    long = "old lamp " * 116_509
    assert len(long) > 2**20
    own.write(f"train.{form}", FORMATS[form]([*GOOD, (long, 1), ("lamp" * 2**18, 2)]))
    files = {split: f"{split}.jsonl" for split in tiny.SPLITS} | {"train": f"train.{form}"}
    own.describe({"files": files})
    own.run("download", "preprocess", "vocabulary")
    found = own.profile()["train"]
    assert found["shortened"] == 2 and found["length"]["max"] == 2223
    assert own.texts("clean", "train")[-2:] == [long[:10_000], "lamp" * 2500]
    tell(
        f"texts of 1 MB in .{form}",
        f"{found['shortened']} cut to 10,000 characters and counted as shortened; 2,223 words at most",
    )


def test_rows_that_stand_in_two_splits_are_dropped_from_train_and_counted(own, tell):
    both = [row["text"] for row in [*rows("test")[:3], *rows("validation")[:2]]]
    found = texts_in(own, "train", *both, both[0].upper(), rows("train")[0]["text"])
    dropped = found["dropped"]
    assert (dropped["also in test"], dropped["also in validation"], dropped["repeated"]) == (4, 2, 1)
    tell(
        "rows that repeat, within train and across splits",
        f"dropped from train: {', '.join(f'{rows} {why}' for why, rows in dropped.items() if rows)}",
    )


# --- too little -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_a_class_without_a_training_row_is_refused(own, refusals, weights):
    own.write("train.jsonl", as_jsonl([(text, label) for text, label in GOOD if label != 1]))
    own.describe(training={"epochs": 1, "class_weights": weights})
    own.run("download")
    tried = f"a class that train lacks, class weights {weights}"
    refusals.stage(own, tried, "preprocess", "no training row is left of class 'usual'", "give it rows")
    assert not (own.folder / "data/clean" / CORPUS).exists()


def test_a_training_split_whose_rows_are_all_dropped_is_refused(own, refusals):
    own.write("train.jsonl", tiny.as_jsonl(rows("test")))
    own.run("download")
    tried = "a training split that is the test split"
    refusals.stage(own, tried, "preprocess", "class 'bad'", "24 also in test")


@pytest.mark.parametrize("split", tiny.SPLITS)
def test_a_split_without_rows_is_refused(own, refusals, split):
    from raw_rows import raw

    from unroll import frames

    own.run("download")
    frames.write_parquet(own.folder / f"data/raw/{CORPUS}/{split}.parquet", raw([]), frames.RAW)
    refusals.stage(own, f"an empty {split} split", "preprocess", f"the {split} split has no rows")


def test_a_label_that_relabel_does_not_know_is_refused_with_its_row(own, refusals):
    own.describe(relabel=[0, 1, 2])
    own.run("download")
    own.describe(relabel=[0, 1], labels=["bad", "good"])
    tried = "a label that relabel does not know"
    refusals.stage(own, tried, "preprocess", "row 2: label 2 is none of 0..1")


def test_a_vocabulary_of_no_word_is_refused(own, refusals):
    own.describe(vocabulary={"min_count": 1000})
    own.run("download", "preprocess")
    named = (f"corpora.{CORPUS}.vocabulary.min_count is 1000, but no word stands more than", "lower it")
    refusals.stage(own, "a min_count that no word reaches", "vocabulary", *named)
    assert not (own.folder / "data/vocabulary" / CORPUS).exists()


@pytest.mark.parametrize(
    ("tried", "table"),
    [
        ("a test split of one row", rows("test")[:1]),
        ("a test split of one class", [row for row in rows("test") if row["label"] == 1]),
        ("a test split of unknown words alone", [{"text": f"qq{n} zz{n}", "label": n % 3} for n in range(6)]),
    ],
)
def test_whatever_the_test_split_holds_it_is_scored(own, tell, tried, table):
    from unroll.files import read_json

    own.write("test.jsonl", tiny.as_jsonl(table))
    own.run(*STAGES)
    accuracy = read_json(own.folder / f"reports/metrics/{CORPUS}/small.json")["accuracy"]
    assert 0 <= accuracy <= 1
    tell(tried, f"trained, scored and compared: {len(table)} rows, accuracy {accuracy:.2f}")
