"""What the machine refuses is told as what a user does wrong: by name, with the way out."""

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from unroll import arrays, failures, files
from unroll.failures import Refusal, of_the_machine, told_plainly


@pytest.mark.parametrize("number", failures.MENDED_BY)
def test_every_error_of_the_machine_has_its_file_and_its_way_out(number):
    said = of_the_machine(OSError(number, os.strerror(number), "data/raw/.a.712.tmp/train.parquet"))
    assert said.startswith(f"data/raw/a/train.parquet: {os.strerror(number)}: ")
    assert failures.MENDED_BY[number] in said


def test_an_error_without_a_name_is_of_the_file_that_was_being_written(tmp_path):
    with pytest.raises(OSError) as caught, files.whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert of_the_machine(caught.value).startswith(f"{tmp_path / 'a.txt'}: No space left on device")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        SafetensorError("I/O error: No space left on device (os error 28)"),
        OSError("4096 requested and 512 written"),
        OSError("Not enough free space to write 17 bytes"),
    ],
)
def test_libraries_that_keep_no_number_are_understood(error):
    assert "No space left on device" in of_the_machine(error)


@pytest.mark.parametrize("error", [ValueError("28"), OSError("gone"), OSError(errno.EPIPE, "x"), KeyError(2)])
def test_what_is_no_fault_of_the_machine_keeps_its_traceback(error):
    assert of_the_machine(error) is None
    with pytest.raises(type(error)), told_plainly():
        raise error


def test_an_array_is_written_as_numpy_writes_it_and_read_as_it_was(tmp_path):
    for number, array in enumerate(
        [np.arange(7), np.zeros((3, 2), np.float32), np.zeros(0, np.int32), np.arange(6).reshape(2, 3).T]
    ):
        path = tmp_path / f"{number}.npy"
        arrays.save(path, array)
        np.save(tmp_path / "other.npy", np.ascontiguousarray(array))
        assert path.read_bytes() == (tmp_path / "other.npy").read_bytes()
        np.testing.assert_array_equal(arrays.load(path, array.dtype), array)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is missing: run dvc repro"),
        (b"", "is damaged"),
        (b"\x93NUMPY\x01\x00", "is damaged"),
        (pickle.dumps([1]), "is damaged"),
        (np.arange(3, dtype=np.int32).tobytes(), "is damaged"),
    ],
)
def test_an_array_that_is_none_is_refused_by_its_name(tmp_path, content, words):
    path = tmp_path / "ids.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refusal, match=f"ids.npy {words}"):
        arrays.load(path, "<i4")


def test_an_array_of_another_kind_is_refused(tmp_path):
    arrays.save(tmp_path / "ids.npy", np.arange(3))
    with pytest.raises(Refusal, match="it holds no array of int32"):
        arrays.load(tmp_path / "ids.npy", "<i4")


def test_what_is_written_to_a_mapped_array_spares_its_file(tmp_path):
    path: Path = tmp_path / "ids.npy"
    arrays.save(path, np.arange(3))
    arrays.load(path, "<i8", "c")[0] = 7
    assert arrays.load(path, "<i8").tolist() == [0, 1, 2]
