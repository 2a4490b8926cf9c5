"""A mirror of the Hub, a folder laid out like it, is read as the Hub itself is."""

from pathlib import Path

import pytest
import tiny
from hub_child import (
    COUNTS,
    SPLITS,
    assert_told_plainly,
    hub_source,
    repository,
    run_stage,
)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    for name, content in repository().items():
        path = tmp_path / "a mirror/a/rows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "a mirror"


def test_a_mirror_is_read_without_asking_the_hub(hub, child, mirror):
    splits, record = child.fetch(hub_source("a/rows"), mirror)
    assert [row["text"] for row in splits["test"]] == [row["text"] for row in tiny.rows(4, seed=2)]
    assert (record["from"], record["repository"], record["differences"]) == ("mirror", "a/rows", [])
    assert hub.requests == []


def test_a_mirror_that_differs_is_used_and_the_differences_go_on_record(child, mirror):
    expected = {"rows": COUNTS | {"train": 9}, "sha256": dict.fromkeys(SPLITS, "0" * 64)}
    splits, record = child.fetch(hub_source("a/rows", **expected), mirror)
    assert len(splits["train"]) == 6
    assert record["differences"] == [
        "train: 6 rows where 9 are expected",
        f"validation: sha256 of the rows is {record['sha256']['validation']}",
        f"test: sha256 of the rows is {record['sha256']['test']}",
    ]


def test_a_mirror_and_the_hub_give_the_same_rows(hub, child, mirror):
    hub.repositories = {"a/rows": {"main": repository()}}
    from_hub, hub_record = child.fetch(hub_source("a/rows"))
    from_mirror, mirror_record = child.fetch(hub_source("a/rows"), mirror)
    assert from_hub == from_mirror
    assert hub_record["sha256"] == mirror_record["sha256"]


def test_a_mirror_that_lacks_a_file_is_refused_naming_it(child, mirror):
    (mirror / "a/rows/validation.jsonl").unlink()
    refusal = child.refusal(hub_source("a/rows"), mirror)
    assert str(mirror / "a/rows/validation.jsonl") in refusal
    assert "UNROLL_MIRROR" in refusal


def test_a_damaged_file_of_a_mirror_is_refused_naming_it(child, mirror):
    (mirror / "a/rows/train.jsonl").write_bytes(b"\x00\x01 nothing of the kind")
    assert str(mirror / "a/rows") in child.refusal(hub_source("a/rows"), mirror)


def test_a_mirror_that_is_no_folder_ends_the_stage_with_its_name(hub, tmp_path):
    nowhere = str(tmp_path / "nowhere")
    environment = hub.environment(tmp_path) | {"UNROLL_MIRROR": nowhere}
    assert_told_plainly(
        run_stage(tmp_path, hub_source("a/rows"), environment), tmp_path, nowhere, "UNROLL_MIRROR"
    )
