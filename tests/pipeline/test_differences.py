"""Where two files first differ is said as exactly as their kind allows."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from unroll.pipeline.differences import BLOCK, first_difference


@pytest.fixture
def pair(tmp_path) -> tuple[Path, Path]:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        (folder / "inner").mkdir(parents=True)
        (folder / "a.txt").write_text("one\ntwo\nthree\n")
        (folder / "inner/b.bin").write_bytes(bytes(range(256)) * (BLOCK // 128))
    return ours, theirs


def test_the_same_bytes_differ_nowhere(pair):
    assert first_difference(*pair) is None
    assert first_difference(pair[0] / "a.txt", pair[1] / "a.txt") is None


def test_of_text_the_line_is_named(pair):
    (pair[1] / "a.txt").write_text("one\ntoo\nthree\n")
    assert first_difference(*pair) == f"{pair[0] / 'a.txt'} differs first in line 2, byte 5 of the file"


@pytest.mark.parametrize("place", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK - 1])
def test_of_other_files_the_byte_is_named(pair, place):
    path = pair[1] / "inner/b.bin"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert first_difference(*pair) == f"{pair[0] / 'inner/b.bin'} differs first in byte {place}"


def test_a_file_that_ends_sooner_differs_where_it_ends(pair):
    path = pair[1] / "inner/b.bin"
    path.write_bytes(path.read_bytes()[:-3])
    assert first_difference(*pair).endswith(f"byte {2 * BLOCK - 3}")


@pytest.mark.parametrize(("here", "expected"), [(0, "the second time"), (1, "once")])
def test_a_file_that_is_missing_is_named(pair, here, expected):
    (pair[here] / "a.txt").unlink()
    assert first_difference(*pair) == f"{pair[0] / 'a.txt'} is there {expected} alone"


def test_of_weights_the_tensor_is_named_and_both_numbers(tmp_path):
    weights = {"bias": np.zeros(2, np.float32), "weight": np.ones((2, 3), np.float32)}
    save_file(weights, tmp_path / "one.safetensors")
    weights["weight"][1, 2] = 2
    save_file(weights, tmp_path / "two.safetensors")
    found = first_difference(tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    assert found.endswith("differs first in tensor weight[1, 2]: 1.0 and 2.0")


def test_of_weights_that_cannot_be_read_the_byte_is_named(tmp_path):
    (tmp_path / "one.safetensors").write_bytes(b"\xff\x00")
    (tmp_path / "two.safetensors").write_bytes(b"\xff\x01")
    found = first_difference(tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    assert found.endswith("differs first in byte 1")
