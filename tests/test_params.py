"""params.yaml is read strictly: its names, its numbers, and files that are none."""

import copy
import json
import subprocess
import sys
import typing
from pathlib import Path

import documents_drawn
import pytest
import tiny
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from shipped import SHIPPED, refusal_of, with_values

from unroll import catalogue
from unroll.failures import Refusal
from unroll.params import Name, Params, Seed, Strict

# --- names, which enter shell commands, paths and stage names ----------------------------------------

BAD_NAMES = [
    "",
    "a/b",
    "..",
    "../a",
    "a b",
    " a",
    "a;id",
    "a;id>pwned#",
    "$(id)",
    "`id`",
    "a\n",
    "a\nb",
    "\na",
    "a\t",
    "-a",
    "1a",
    "_a",
    "A",
    "a.b",
    "a@b",
    "a'b",
    'a"b',
    "a*",
    "ä",
    "a\x00",
    "a\u2028",
    "a" * 61,
]


@pytest.mark.parametrize("kind", ["corpora", "networks", "suites"])
def test_a_name_that_a_shell_or_a_path_could_misread_is_refused(kind):
    document = with_values({})
    document[kind] |= dict.fromkeys(BAD_NAMES, next(iter(document[kind].values())))
    lines = refusal_of(document).splitlines()
    for name in BAD_NAMES:
        assert [line for line in lines if line.startswith(f"  {kind}: ") and f"(given: {name!r}" in line], (
            name
        )


@pytest.mark.parametrize("kind", ["corpora", "networks"])
def test_a_name_like_that_cannot_be_selected_either(kind):
    lines = refusal_of(with_values({f"select/{kind}": BAD_NAMES})).splitlines()
    for place, name in enumerate(BAD_NAMES):
        where = f"  select.{kind}.{place}: "
        assert [line for line in lines if line.startswith(where) and f"(given: {name!r}" in line], name


@given(st.text(max_size=8))
def test_a_name_is_accepted_only_if_it_is_plain(name):
    plain = set("abcdefghijklmnopqrstuvwxyz0123456789_")
    good = name[:1].isascii() and name[:1].isalpha() and name.islower() and set(name) <= plain
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        assert not good
    else:
        assert good


@pytest.mark.parametrize("name", ["lstm", "a", "starter_movies", "x9_", "a" * 60])
def test_a_plain_name_is_accepted(name):
    assert TypeAdapter(Name).validate_python(name) == name


@given(st.integers())
def test_a_seed_is_a_number_that_every_generator_takes(seed):
    try:
        TypeAdapter(Seed).validate_python(seed)
    except ValidationError:
        assert not 0 <= seed < 2**31
    else:
        assert 0 <= seed < 2**31


def test_a_network_may_be_named_like_a_cell_and_a_corpus_like_a_source():
    document = with_values({"networks/gru/hidden": 0})
    document["corpora"]["hub"] = document["corpora"]["tweets"] | {"title": 3}
    words = refusal_of(document)
    assert "\n  networks.gru.hidden: " in words
    assert "\n  corpora.hub.title: " in words


# --- the file ---------------------------------------------------------------------------------------


def test_numbers_are_read_as_dvc_reads_them_and_not_as_pyyaml_does(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("rate: 1e-3\nflag: yes\n", encoding="utf-8")
    assert Params(path).get("rate", float) == 0.001
    assert Params(path).get("flag", str) == "yes"
    # The reason for ruamel.yaml: this test fails on the day when it is no longer one.
    assert yaml.safe_load(path.read_text()) == {"rate": "1e-3", "flag": True}


BROKEN_FILES = {
    "empty": "",
    "a list": "- 1\n- 2\n",
    "a key twice": "select: 1\nselect: 2\n",
    "a tab": "select:\n\tcorpora: []\n",
    "a tag": "select: !!python/object/apply:os.system [id]\n",
    "itself": "select: &me [*me]\n",
    "an open bracket": "select: [\n",
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_file_is_refused_by_name(tmp_path, name):
    path = tmp_path / "params.yaml"
    path.write_text(BROKEN_FILES[name], encoding="utf-8")
    with pytest.raises(Refusal, match=r"params\.yaml"):
        catalogue.load(path)


def test_a_file_that_is_no_utf8_is_refused_by_name(tmp_path):
    (tmp_path / "params.yaml").write_bytes(b"select: \xe9\n")
    with pytest.raises(Refusal, match=r"params\.yaml:1: cannot be read as YAML: byte 8 is no UTF-8"):
        catalogue.load(tmp_path / "params.yaml")


def test_a_file_that_is_missing_says_where_to_run(tmp_path):
    with pytest.raises(Refusal, match="is missing: run this in the project's folder"):
        catalogue.load(tmp_path / "params.yaml")


@pytest.mark.parametrize("key", ["nothing", "networks.lstmm", "networks.lstm.cell.kind", "select.seeds.0"])
def test_a_key_that_is_missing_is_named(tmp_path, key):
    tiny.write_params(tmp_path, SHIPPED)
    with pytest.raises(Refusal, match=f"{key} is missing"):
        Params(tmp_path / "params.yaml").get(key, int)


def test_a_stage_ends_with_status_1_and_no_traceback_at_a_fault(tmp_path):
    tiny.write_params(tmp_path, with_values({"corpora/tweets/source/revision": 3}))
    command = [sys.executable, "-m", "stages.download", "tweets"]
    environment = {"PYTHONPATH": str(tiny.ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "corpora.tweets.source.revision: " in done.stderr
    assert "Traceback" not in done.stderr


# --- whatever is valid, and what is wrong in one place -----------------------------------------------


def models_in(annotation: object) -> set[type[BaseModel]]:
    """Return every model that an annotation or a field of one of its models names."""
    found: set[type[BaseModel]] = set()
    waiting = [annotation]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
            found.add(kind)
            waiting += [field.annotation for field in kind.model_fields.values()]
        waiting += typing.get_args(kind)
    return found


def test_every_model_of_params_yaml_is_strict_and_frozen_and_refuses_what_it_does_not_know():
    models = models_in(catalogue.Catalogue)
    names = {model.__name__ for model in models}
    assert {"Corpus", "HubSource", "HubRepository", "PypiSource", "Embedding", "Dropout", "Claim"} <= names
    assert {
        "BagNetwork",
        "RecurrentNetwork",
        "Pretraining",
        "Training",
        "PackageFile",
        "TextRules",
        "Ensemble",
    } <= names
    for model in models:
        assert issubclass(model, Strict), model
        settings_of = {
            key: model.model_config.get(key) for key in ("strict", "frozen", "extra", "allow_inf_nan")
        }
        assert settings_of == {"strict": True, "frozen": True, "extra": "forbid", "allow_inf_nan": False}, (
            model
        )
        lax = {
            name for name, field in model.model_fields.items() if any(_is_lax(one) for one in field.metadata)
        }
        # A list of names stands for a tuple; the names in it are as strict as ever.
        assert lax <= {"Embedding": {"vectors"}, "Ensemble": {"networks"}}.get(model.__name__, set()), model


def _is_lax(one: object) -> bool:
    return getattr(one, "strict", None) is False


PARAMS = Path("params.yaml")


@given(documents_drawn.documents(), st.data())
def test_what_is_valid_is_read_again_as_it_was_and_one_wrong_value_is_refused_by_its_path(document, data):
    # Both in one: drawing a document takes longer than checking it.
    read = catalogue.check(document, PARAMS)
    # The suites apart: one that is a single selection is read as a list of one.
    written = read.model_dump(mode="json", exclude={"suites"})
    written["suites"] = {
        name: [part.model_dump(mode="json") for part in parts] for name, parts in read.suites.items()
    }
    assert catalogue.check(json.loads(json.dumps(written)), PARAMS) == read

    place = data.draw(st.sampled_from(documents_drawn.places(document)))
    wrong = copy.deepcopy(document)
    part = wrong
    for key in place[:-1]:
        part = part[key]
    if isinstance(part[place[-1]], dict) and data.draw(st.booleans()):
        part[place[-1]]["No Such Key"] = 1
    else:
        part[place[-1]] = {"No Such Key": 1}  # which no value may be
    words = refusal_of(json.loads(json.dumps(wrong)))
    # A source of an unknown kind is told by the key above.
    paths = [".".join(map(str, place)), ".".join(map(str, place[:-1]))]
    assert [line for line in words.splitlines()[1:] for path in paths if line.startswith(f"  {path}")]
