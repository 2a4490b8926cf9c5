"""Bad inputs: params.yaml.

All values that are wrong stand in one file, since all its faults are to be told at once; a file that is
no YAML can have but one fault.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from clone import clone
from tiny import ROOT

SHIPPED = (ROOT / "params.yaml").read_text(encoding="utf-8")
LONG = "a" * 10_000
HERE = "# here"

# What is tried: the section, the lines put below its head (the one at fault ends in HERE), the key that
# must be named, and what must be said of it.
VALUES = {
    "an unknown key": (
        "networks",
        f"  n1:\n    cell: lstm\n    hiden: 3 {HERE}\n",
        "networks.n1.hiden",
        "not permitted: did you mean hidden?",
    ),
    "a word for a number": (
        "networks",
        f"  n2:\n    cell: lstm\n    hidden: many {HERE}\n",
        "networks.n2.hidden",
        "valid integer",
    ),
    "a number as a string": (
        "networks",
        f'  n3:\n    cell: lstm\n    hidden: "100" {HERE}\n',
        "networks.n3.hidden",
        "'100'",
    ),
    "a truth value for a number": (
        "networks",
        f"  n4:\n    cell: lstm\n    layers: true {HERE}\n",
        "networks.n4.layers",
        "given: True",
    ),
    "a number for a truth value": (
        "networks",
        f"  n5:\n    cell: lstm\n    bidirectional: 1 {HERE}\n",
        "networks.n5.bidirectional",
        "valid boolean",
    ),
    "a list where a mapping belongs": (
        "networks",
        f"  n6: [cell, lstm] {HERE}\n",
        "networks.n6",
        "object",
    ),
    "nothing where a mapping belongs": ("networks", f"  n7: {HERE}\n", "networks.n7", "None"),
    "an unknown cell": (
        "networks",
        f"  n8:\n    cell: lstmm {HERE}\n",
        "networks.n8.cell",
        "none of bag, elman, lstm, gru",
    ),
    "no cell": ("networks", f"  n9: {HERE}\n    hidden: 3\n", "networks.n9.cell", "required"),
    "a billion hidden units": (
        "networks",
        f"  n10:\n    cell: lstm\n    hidden: 1000000000 {HERE}\n",
        "networks.n10.hidden",
        "less than or equal to 10000",
    ),
    "unknown vectors": (
        "networks",
        f"  n11:\n    cell: lstm\n    embedding:\n      vectors: [glove] {HERE}\n",
        "networks.n11.embedding.vectors",
        "glove is not among",
    ),
    "values that contradict each other": (
        "networks",
        f"  n12:\n    cell: lstm\n    nonlinearity: relu {HERE}\n",
        "networks.n12.nonlinearity",
        "only an elman cell has a choice",
    ),
    "a fault that is merged in from another entry": (
        "networks",
        f"  n13: &n13\n    cell: lstm\n    pooling: sum {HERE}\n  n13_wide:\n    <<: *n13\n    hidden: 9\n",
        "networks.n13_wide.pooling",
        "(given: 'sum')",
    ),
    "a negative learning rate": (
        "networks",
        f"  r1:\n    cell: lstm\n    training:\n      learning_rate: -0.1 {HERE}\n",
        "networks.r1.training.learning_rate",
        "greater than 0",
    ),
    "a learning rate that is no number": (
        "networks",
        f"  r2:\n    cell: lstm\n    training:\n      learning_rate: .nan {HERE}\n",
        "networks.r2.training.learning_rate",
        "finite number",
    ),
    "an infinite learning rate": (
        "networks",
        f"  r3:\n    cell: lstm\n    training:\n      learning_rate: .inf {HERE}\n",
        "networks.r3.training.learning_rate",
        "finite number",
    ),
    "a learning rate of 1e400": (
        "networks",
        f"  r4:\n    cell: lstm\n    training:\n      learning_rate: 1e400 {HERE}\n",
        "networks.r4.training.learning_rate",
        "finite number",
    ),
    "a huge learning rate": (
        "networks",
        f"  r5:\n    cell: lstm\n    training:\n      learning_rate: 1e6 {HERE}\n",
        "networks.r5.training.learning_rate",
        "less than or equal to 10",
    ),
    "batches of no rows": (
        "networks",
        f"  r6:\n    cell: lstm\n    training:\n      batch_size: 0 {HERE}\n",
        "networks.r6.training.batch_size",
        "greater than or equal to 1",
    ),
    "an override that clashes with the defaults": (
        "networks",
        f"  r7:\n    cell: lstm\n    training:\n      momentum: 0.5 {HERE}\n",
        "networks.r7.training.momentum",
        "adam has moments of its own",
    ),
    "a corpus without anything": ("corpora", f"  c1: {{}} {HERE}\n", "corpora.c1.title", "required"),
    "a selection of nothing": (
        "suites",
        f"  s1:\n    corpora: [] {HERE}\n    networks: [gru]\n    seeds: [1]\n",
        "suites.s1.corpora",
        "at least 1 item",
    ),
    "an unknown corpus": (
        "suites",
        f"  s2:\n    corpora: [sst55] {HERE}\n    networks: [gru]\n    seeds: [1]\n",
        "suites.s2.corpora",
        "sst55 is not among ",
    ),
    "a suite of unknown networks": (
        "suites",
        f"  s3:\n    corpora: [sst5]\n    networks: [gruu, lstmm] {HERE}\n    seeds: [1]\n",
        "suites.s3.networks",
        "lstmm is not among ",
    ),
    "an entry twice": (
        "suites",
        f"  s4:\n    corpora: [sst5]\n    networks: [gru]\n    seeds: [1, 2, 1] {HERE}\n",
        "suites.s4.seeds",
        "an entry stands twice",
    ),
    "a seed below zero": (
        "suites",
        f"  s5:\n    corpora: [sst5]\n    networks: [gru]\n    seeds: [1, -1] {HERE}\n",
        "suites.s5.seeds.1",
        "greater than or equal to 0",
    ),
    "a mapping where a list belongs": (
        "suites",
        f"  s6:\n    corpora: {{sst5: 1}} {HERE}\n    networks: [gru]\n    seeds: [1]\n",
        "suites.s6.corpora",
        "valid array",
    ),
    "a section that does not exist": ("", f"trainning: {{}} {HERE}\n", "trainning", "did you mean training?"),
}

# Written as YAML writes them, and what of each the message must show.
NAMES = {
    "a slash": ('"a/b"', "'a/b'"),
    "a way out of the folder": ('"../../x"', "'../../x'"),
    "a space": ('"a b"', "'a b'"),
    "a second command": ('"x; touch PWNED #"', "'x; touch PWNED #'"),
    "a substituted command": ('"$(touch PWNED)"', "'$(touch PWNED)'"),
    "a command in backticks": ('"`touch PWNED`"', "'`touch PWNED`'"),
    "an end of line": (r'"x\ntouch PWNED"', r"'x\ntouch PWNED'"),
    "a terminal's escape": (r'"x\e[2J"', r"'x\x1b[2J'"),
    "10,000 letters": (LONG, "... of 10002 characters"),
    "a letter that only looks like one": ("lst\u043c", r"in ASCII 'lst\u043c'"),
    "nothing at all": ('""', "given: ''"),
}
for number, (named, (written, shown)) in enumerate(NAMES.items()):
    VALUES[f"a network's name: {named}"] = (
        "networks",
        f"  ? {written} {HERE}\n  : {{cell: lstm}}\n",
        "networks",
        shown,
    )
    VALUES[f"a corpus selected by name: {named}"] = (
        "suites",
        f"  name{number}:\n    corpora: [{written}] {HERE}\n    networks: [gru]\n    seeds: [1]\n",
        f"suites.name{number}.corpora.0",
        shown,
    )

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 40)
)
# What the file holds instead, its line at fault (none: the file as such), and what is said.
FILES = {
    "a key twice": (SHIPPED + "\nselect: {}\n", SHIPPED.count("\n") + 2, 'found duplicate key "select"'),
    "a tab": ("select:\n\tcorpora: []\n", 2, "cannot start any token"),
    "a merge that was not finished": ("a: 1\n<<<<<<< HEAD\nb: 2\n", 3, "could not find expected ':'"),
    "bytes that are no UTF-8": (b"a: 1\nb: caf\xe9\n", 2, "byte 11 is no UTF-8"),
    "a NUL byte": ("a: 1\nb: \x00\n", 2, "control characters are not allowed"),
    "nothing": ("", None, "params.yaml"),
    "a list": ("- select\n- corpora\n", None, "params.yaml"),
    "aliases for 10^40 values": (BOMB, None, "more than 1,000,000 values"),
    "an alias for itself": ("a: &a [*a]\n", None, "more than 1,000,000 values"),
    "3,000 lists in each other": (f"a: {'[' * 3000}{']' * 3000}\n", None, "too deep"),
    "a Python object": (
        "a: !!python/object/apply:os.system [touch PWNED]\n",
        1,
        "python/object/apply:os.system",
    ),
    "a number of 5,000 digits": (f"a: 1\nb: {'1' * 5000}\n", 2, "4300 digits"),
    "no file": (None, None, "is missing: run this in the project's folder"),
    "a folder": (Path(), None, "Is a directory"),
}


def spoilt() -> str:
    """Return the shipped file with all VALUES in it, each marked by its place in the list."""
    text = SHIPPED
    for number, (section, lines, _, _) in enumerate(VALUES.values()):
        head = f"\n{section}:" if section else "\n# What `make repro SUITE=...`"
        before, after = text.split(head, 1)
        if section:
            rest, after = after.split("\n", 1)
            head += rest + "\n"
        else:
            after, head = head[1:] + after, "\n"
        text = before + head + lines.replace(HERE, f"{HERE} {number}.") + after
    return text


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """The file with every wrong value, and the lines in which `make repro` refuses it."""
    folder, text = tmp_path_factory.mktemp("spoilt"), spoilt()
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "unroll", "repro", "--suite", "keep"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert everything(folder) == {"params.yaml"}
    return text, done.stderr.splitlines()


@pytest.mark.parametrize("tried", VALUES)
def test_a_wrong_value_is_told_with_its_key_and_line(told, tell, tried):
    _, _, key, what = VALUES[tried]
    tell(tried, "")
    text, lines = told
    mark = f"{HERE} {list(VALUES).index(tried)}."
    [line] = [number for number, one in enumerate(text.splitlines(), start=1) if one.endswith(mark)]
    start = f"  params.yaml:{line}: {key}"
    [message] = [one for one in lines if one.startswith(start) and what in one]
    assert len(message) < 600
    tell(tried, message.strip())


@pytest.mark.parametrize("tried", FILES)
def test_a_file_that_is_none_is_refused(refused, pytestconfig, tmp_path, tried):
    content, line, what = FILES[tried]
    path = tmp_path / "params.yaml"
    if isinstance(content, Path):
        path.mkdir()
    elif content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = everything(tmp_path)
    named = f"params.yaml:{line}: " if line else "params.yaml"
    # Of all commands the one that starts fastest; a campaign takes those that people type.
    commands = [["-m", "stages.vocabulary", "sst5"]]
    if pytestconfig.getoption("--torture"):
        commands = [["-m", "stages.environment"], ["-m", "unroll", "repro", "--suite", "keep"], *commands][
            ::-1
        ]
    for command in commands:
        refused(
            f"the file holds {tried}" if content is not None and not isinstance(content, Path) else tried,
            command,
            tmp_path,
            named,
            what,
            environment={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
    assert everything(tmp_path) == before


def test_dvc_alone_ends_before_any_other_stage(tell, tmp_path):
    tell("dvc repro, with an unknown cell", "")
    folder = clone(tmp_path / "project")
    (folder / "params.yaml").write_text(SHIPPED.replace("    cell: lstm\n", "    cell: lstmm\n", 1))
    before = everything(folder)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 255
    assert "networks.lstm.cell: none of bag, elman, lstm, gru (given: 'lstmm')" in said
    assert said.count("Running stage") == 1 and "Running stage 'environment'" in said
    assert "Traceback" not in said
    made = {path for path in everything(folder) - before if not path.startswith((".dvc/", ".git"))}
    assert not {path for path in made if "__pycache__" not in path}
    [line] = [one for one in said.splitlines() if "networks.lstm.cell" in one]
    tell("dvc repro, with an unknown cell", line.strip())
