"""Where two files or folders first differ."""

from itertools import zip_longest
from pathlib import Path

from safetensors import SafetensorError, safe_open

BLOCK = 2**20


def first_difference(ours: Path, theirs: Path) -> str | None:
    """Return which file differs first and where, or None where both hold the same bytes.

    `ours` is the one that is named.
    """
    names = sorted({*_names(ours), *_names(theirs)})
    for name in names:
        one, other = (path / name if name else path for path in (ours, theirs))
        if not (one.is_file() and other.is_file()):
            return f"{one} is there {'once' if one.exists() else 'the second time'} alone"
        if (offset := _first_byte(one, other)) is not None:
            return f"{one} differs first in {_place(one, other, offset)}"
    return None


def _names(path: Path) -> list[str]:
    if not path.is_dir():
        return [""]
    return [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]


def _first_byte(one: Path, other: Path) -> int | None:
    at = 0
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            blocks = first.read(BLOCK), second.read(BLOCK)
            if blocks[0] != blocks[1]:
                pairs = enumerate(zip_longest(*blocks))
                return at + next(place for place, (left, right) in pairs if left != right)
            if not blocks[0]:
                return None
            at += BLOCK


def _place(one: Path, other: Path, offset: int) -> str:
    if one.suffix == ".safetensors" and (tensor := _first_tensor(one, other)):
        return tensor
    content = one.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError:
        return f"byte {offset}"
    lines = content[:offset].count(b"\n") + 1
    return f"line {lines}, byte {offset} of the file"


def _first_tensor(one: Path, other: Path) -> str | None:
    """Return the first tensor with other numbers, and where in it; None where that cannot be told."""
    try:
        with safe_open(one, framework="np") as first, safe_open(other, framework="np") as second:
            for name in first.keys():  # noqa: SIM118 (not a dict)
                left, right = first.get_tensor(name), second.get_tensor(name)
                differing = (left != right).nonzero()
                if len(differing[0]):
                    place = [int(axis[0]) for axis in differing]
                    here = tuple(place)
                    return f"tensor {name}{place}: {left[here]} and {right[here]}"
    except (SafetensorError, ValueError):
        return None
    return None
