"""YAML's own faults are told in one line with the line at fault, and a key is found where it is written."""

import time

import pytest

from unroll.yaml_text import Unreadable, document_of, line_of

TEXT = """# A comment
base: &base
  size: 1
  deep: {inner: 2}

first:
  <<: *base
  size: 3
second:
  <<: [*base, {more: 4}]
third: *base
list: [a,
  b,
  {key: 5}]
"quoted key": 6
7: 8
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("base",), 2),
        (("base", "deep", "inner"), 4),
        (("first",), 6),
        (("first", "size"), 8),  # its own, not the one that is merged in
        (("first", "deep"), 4),
        (("first", "deep", "inner"), 4),
        (("second", "more"), 10),
        (("second", "size"), 3),
        (("third", "size"), 3),
        (("list", "0"), 12),
        (("list", "1"), 13),
        (("list", "2", "key"), 14),
        (("quoted key",), 15),
        (("7",), 16),
        (("first", "nothing"), 6),
        (("list", "9"), 12),
        (("list", "first"), 12),
        (("first", "size", "deeper"), 8),
        (("nothing",), None),
        ((), None),
    ],
)
def test_a_key_is_found_on_the_line_on_which_it_is_written(keys, line):
    assert line_of(TEXT, keys) == line


def test_a_text_that_is_empty_has_no_lines():
    assert line_of("", ("key",)) is None


UNREADABLE = {
    "a key twice": ("a: 1\nb: 2\na: 3\n", 3, 'found duplicate key "a"'),
    "a tab": ("a:\n\tb: 1\n", 2, "cannot start any token"),
    "a Python object": ("a: 1\nb: !!python/object/apply:os.system [id]\n", 2, "python/object/apply"),
    "an open bracket": ("a: [\n", 2, "did not find expected node content"),
    "an alias without its anchor": ("a: 1\nb: *c\n", 2, "undefined alias"),
    "a second document": ("a: 1\n---\nb: 2\n", 2, "another document"),
    "a control character": ("a: 1\nb: \x00\n", 2, "control characters are not allowed"),
    "a number of 5,000 digits": (f"a: [1]\nb: {'1' * 5000}\n", 2, "4300 digits"),
    "a day that is none": ("a: &x [1]\nb: *x\nc:\n  d: 2001-13-45\n", 4, "month must be in 1..12"),
    "a truth value that is none": ("a: !!bool x\n", 1, "x"),
    "a merge with a number": ("a: {<<: 3}\n", 1, "mappings for merging"),
    "itself": ("a: &me [*me]\n", None, "more than 1,000,000 values"),
    "itself, in a mapping": ("a: &me {b: *me}\n", None, "more than 1,000,000 values"),
    "3,000 lists in each other": (f"a: {'[' * 3000}{']' * 3000}\n", None, "too deep"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_text_that_is_unreadable_is_told_in_one_line_and_by_its_line(name):
    text, line, reason = UNREADABLE[name]
    with pytest.raises(Unreadable, match=reason) as caught:
        document_of(text)
    assert caught.value.line == line
    assert "\n" not in str(caught.value)


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines) + "\n"


def test_aliases_that_stand_for_more_than_memory_holds_are_refused_at_once():
    started = time.process_time()
    with pytest.raises(Unreadable, match="with its aliases"):
        document_of(bomb(60))
    assert time.process_time() - started < 1


def test_aliases_that_stand_for_a_few_values_are_read():
    assert document_of(bomb(3))["a2"][0][0] == ["x"] * 10
