"""Files and folders are written whole or not at all, and their bytes repeat."""

import hashlib
import json
import os
import subprocess
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from unroll import files, frames
from unroll.failures import Refusal, told_plainly


class Broke(Exception):
    """What goes wrong in the middle of writing."""


def test_a_file_appears_with_all_that_was_written(tmp_path):
    path = tmp_path / "new/folder/file.txt"
    with files.whole_file(path) as temporary:
        temporary.write_text("half, ")
        assert not path.exists()
        with open(temporary, "a") as stream:
            stream.write("whole")
    assert path.read_text() == "half, whole"
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_file_that_could_not_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    with pytest.raises(Broke), files.whole_file(path) as temporary:
        temporary.write_text("half")
        raise Broke
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_folder_replaces_the_old_one_with_all_its_files(tmp_path):
    path = tmp_path / "folder"
    for content in ("old", "new"):
        with files.whole_folder(path) as temporary:
            (temporary / f"{content}.txt").write_text(content)
            (temporary / "below").mkdir()
            (temporary / "below/file.txt").write_text(content)
    assert sorted(os.listdir(path)) == ["below", "new.txt"]
    assert (path / "below/file.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_that_could_not_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "folder"
    with files.whole_folder(path) as temporary:
        (temporary / "old.txt").write_text("old")
    with pytest.raises(Broke), files.whole_folder(path) as temporary:
        (temporary / "new.txt").write_text("half")
        raise Broke
    assert os.listdir(path) == ["old.txt"]
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_takes_its_name_is_on_the_disk_and_so_is_the_name(tmp_path, monkeypatch, kind):
    done = []
    sync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def replaced(source, destination) -> None:
        done.append("replaced")
        replace(source, destination)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    path = tmp_path / "out"
    if kind == "file":
        files.write_text(path, "all of it")
        written = [""]
    else:
        with files.whole_folder(path) as temporary:
            (temporary / "below").mkdir()
            (temporary / "below/file.txt").write_text("all of it")
        written = ["", "/below", "/below/file.txt"]
    temporary = f"{tmp_path}/.out.{os.getpid()}.tmp"
    before, after = done[: done.index("replaced")], done[done.index("replaced") + 1 :]
    assert sorted(before) == [temporary + name for name in written]
    assert after == [str(tmp_path)]


def dead_process() -> int:
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


def test_what_a_killed_process_left_of_the_same_name_is_removed(tmp_path):
    dead, alive = dead_process(), os.getppid()
    (tmp_path / f".out.{dead}.tmp").mkdir()
    (tmp_path / f".out.{dead}.tmp/half").touch()
    stays = {f".out.{alive}.tmp", f".other.{dead}.tmp", ".out.x.tmp", "out.1.tmp"}
    for name in stays:
        (tmp_path / name).touch()
    files.write_text(tmp_path / "out", "whole")
    assert set(os.listdir(tmp_path)) == stays | {"out"}
    (tmp_path / f".[o]ut.{dead}.tmp").touch()
    files.write_text(tmp_path / "[o]ut", "whole")
    assert set(os.listdir(tmp_path)) == stays | {"out", "[o]ut"}


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(DOCUMENTS.filter(lambda document: isinstance(document, dict)))
def test_a_document_is_the_same_after_reading(tmp_path_factory, document):
    path = tmp_path_factory.mktemp("json") / "document.json"
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair, which no text file can hold
    files.write_json(path, document)
    assert files.read_json(path) == document
    assert list(files.read_json(path)) == list(document)


def test_a_document_with_nan_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "document.json", {"loss": float("nan")})
    assert os.listdir(tmp_path) == []


def test_lines_end_alike_on_every_system(tmp_path):
    files.write_text(tmp_path / "a.txt", "a\nb\r\n\u2028c\n")
    files.write_json(tmp_path / "a.json", {"ä": 1})
    files.write_csv(tmp_path / "a.csv", [{"a": 1, "b": None}, {"a": 'x,"y"', "b": 0.1}])
    assert (tmp_path / "a.txt").read_bytes() == "a\nb\r\n\u2028c\n".encode()
    assert (tmp_path / "a.json").read_bytes() == '{\n  "ä": 1\n}\n'.encode()
    assert (tmp_path / "a.csv").read_bytes() == b'a,b\n1,\n"x,""y""",0.1\n'


def test_a_row_of_other_keys_is_not_written_as_a_table(tmp_path):
    with pytest.raises(ValueError, match="not in fieldnames"):
        files.write_csv(tmp_path / "a.csv", [{"a": 1}, {"a": 1, "b": 2}])
    assert os.listdir(tmp_path) == []


def test_a_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"\x00lamp")
    assert files.sha256_of(tmp_path / "file") == hashlib.sha256(b"\x00lamp").hexdigest()


# --- frames -----------------------------------------------------------------------------------------

CLEAN = {"row": [3, 1], "text": ["a lamp", ""], "tokens": [["a", "lamp"], []], "label": [1, 0]}


def test_a_frame_is_the_same_after_reading(tmp_path):
    frames.write_parquet(tmp_path / "a.parquet", pd.DataFrame(CLEAN), frames.CLEAN)
    found = frames.read_parquet(tmp_path / "a.parquet")
    assert {name: list(found[name]) for name in found} == CLEAN
    assert all(type(tokens) is list for tokens in found["tokens"])
    assert list(frames.read_parquet(tmp_path / "a.parquet", ["label", "row"])) == ["label", "row"]


def test_a_frames_bytes_do_not_depend_on_its_index_its_columns_order_or_further_columns(tmp_path):
    frame = pd.DataFrame(CLEAN)
    others = [
        frame.set_index(pd.Index([8, 9])),
        frame[["label", "tokens", "text", "row"]],
        frame.assign(more=1),
    ]
    frames.write_parquet(tmp_path / "a.parquet", frame, frames.CLEAN)
    for other in others:
        frames.write_parquet(tmp_path / "b.parquet", other, frames.CLEAN)
        assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.read_schema(tmp_path / "a.parquet").metadata is None


def test_a_frame_that_does_not_fit_its_schema_is_not_written(tmp_path):
    for changes in ({"label": ["x", "y"]}, {"label": [0.5, 1.0]}, {"text": [1, 2]}):
        with pytest.raises((TypeError, ValueError)):
            frames.write_parquet(tmp_path / "a.parquet", pd.DataFrame({**CLEAN, **changes}), frames.CLEAN)
    with pytest.raises(KeyError):
        frames.write_parquet(tmp_path / "a.parquet", pd.DataFrame(CLEAN).drop(columns="row"), frames.CLEAN)
    assert os.listdir(tmp_path) == []


def dealt(table: pa.Table, sizes: list[int]) -> list[pa.Table]:
    """Return the table in parts of these sizes, the last one of all that is left."""
    edges = [0, *np.cumsum(sizes).tolist(), len(table)]
    return [table.slice(start, max(0, end - start)) for start, end in pairwise(edges)]


ROWS_OF_TEXT = [f"lamp {number} " * (number % 5) for number in range(3000)]
MANY = pa.table(
    {
        "row": list(range(3000)),
        "text": ROWS_OF_TEXT,
        "tokens": [text.split() for text in ROWS_OF_TEXT],
        "label": [number % 3 for number in range(3000)],
    },
    schema=frames.CLEAN,
)


@given(st.lists(st.integers(0, 900), max_size=5))
def test_rows_written_in_parts_give_the_bytes_of_rows_written_at_once(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("parts")
    frames.write_parquet(folder / "whole.parquet", frames.as_frame(MANY), frames.CLEAN)
    with frames.parquet_writer(folder / "parts.parquet", frames.CLEAN) as append:
        for part in dealt(MANY, sizes):
            append(part)
    assert (folder / "parts.parquet").read_bytes() == (folder / "whole.parquet").read_bytes()


@pytest.mark.parametrize("sizes", [[], [1000, 1000], [1, 999, 1500], [2999]])
def test_groups_are_of_one_size_however_rows_are_dealt(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(frames, "GROUP_ROWS", 1000)
    with frames.parquet_writer(tmp_path / "parts.parquet", frames.CLEAN) as append:
        for part in dealt(MANY, sizes):
            append(part)
    metadata = pq.read_metadata(tmp_path / "parts.parquet")
    assert [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)] == [1000] * 3
    assert pq.read_table(tmp_path / "parts.parquet").equals(MANY)


def test_rows_that_broke_off_leave_the_old_file(tmp_path):
    path = tmp_path / "a.parquet"
    frames.write_parquet(path, pd.DataFrame(CLEAN), frames.CLEAN)
    before = path.read_bytes()
    with pytest.raises(Broke), frames.parquet_writer(path, frames.CLEAN) as append:
        append(MANY)
        raise Broke
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.parquet"]


@pytest.mark.parametrize("group", [0, 1, 2])
def test_a_group_that_could_not_be_written_is_never_passed_over(tmp_path, monkeypatch, group):
    class Full(pq.ParquetWriter):
        written = 0

        def write_table(self, rows: pa.Table) -> None:
            if self.written == group:
                raise Broke
            self.written += 1
            super().write_table(rows)

    monkeypatch.setattr(frames, "GROUP_ROWS", 1200)
    monkeypatch.setattr(pq, "ParquetWriter", Full)
    with pytest.raises(Broke), frames.parquet_writer(tmp_path / "a.parquet", frames.CLEAN) as append:
        append(MANY)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("rows", [1, 700, 3000, 5000])
def test_chunks_are_all_rows_in_order_and_none_is_larger_than_wanted(tmp_path, rows):
    frames.write_parquet(tmp_path / "a.parquet", frames.as_frame(MANY), frames.CLEAN)
    chunks = frames.Chunks(tmp_path / "a.parquet", ["row", "tokens"], rows)
    assert chunks.count() == 3000
    for _ in range(2):
        found = list(chunks)
        assert all(len(chunk) <= rows for chunk in found)
        assert pa.concat_tables(found).equals(MANY.select(["row", "tokens"]))


def test_a_file_without_rows_is_one_chunk_without_rows(tmp_path):
    with frames.parquet_writer(tmp_path / "a.parquet", frames.CLEAN):
        pass
    assert [chunk.num_rows for chunk in frames.Chunks(tmp_path / "a.parquet", ["row", "tokens"])] == [0]


# --- refusals ---------------------------------------------------------------------------------------


def test_a_refusal_ends_with_status_1_and_its_message_alone(capsys):
    with pytest.raises(SystemExit) as ended, told_plainly():
        raise Refusal("params.yaml: it has no lamp")
    assert ended.value.code == 1
    assert capsys.readouterr().err.strip() == "unroll: params.yaml: it has no lamp"


def test_a_fault_of_our_own_keeps_its_traceback():
    with pytest.raises(Broke), told_plainly():
        raise Broke
