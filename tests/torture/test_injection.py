"""Bad inputs: names that are shell commands.

DVC runs a stage's command in a shell. `make repro` and `dvc repro` check all of params.yaml before any
other stage; `dvc repro --single-item` skips that check, and there DVC's own quoting is what holds.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clone import clone
from ruamel.yaml import YAML
from tiny import ROOT

MARK = "PWNED"
ATTACKS = {
    "a second command": "x; touch {mark} #",
    "a substituted command": "$(touch {mark})",
    "a command in backticks": "`touch {mark}`",
    "an end of line": "x\ntouch {mark}\n",
    "a closing quote": "x'; touch {mark} #",
    "a closing double quote": 'x"; touch {mark} #',
    "a pipe": "x | touch {mark}",
    "a redirection": "x > {mark}",
    "a way out of the folder": "../../x",
    "an option": "--help; touch {mark}",
}
DOCUMENT = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
NAMED = re.compile(r"\$\{([^}]+)\}")


def templated() -> list[tuple[str, str]]:
    """Return each stage whose command has a template, with the parameter that each axis comes from."""
    found = []
    for stage, said in DOCUMENT["stages"].items():
        names = NAMED.findall(said["cmd"])
        axes = said.get("matrix", {})
        if "item" in names:
            names = [name for name in names if name != "item"] + [f"item.{axis}" for axis in axes]
        for name in names:
            source = axes[name.removeprefix("item.")] if name.startswith("item.") else f"${{{name}}}"
            [parameter] = NAMED.findall(source)
            found.append((stage, parameter))
    return found


TEMPLATED = templated()
SHARE = {"train", "select.seeds", "check"}
"""Of the stages, parameters and commands, those that `make test` attacks: each costs 2 s."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("injection") / "project")


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder.parent)}


def attack(project: Path, parameter: str, value: object) -> None:
    """Put the value in the place of a list's first entry, and leave one of all other lists."""
    document = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    select = document["select"]
    for key in select:
        select[key] = select[key][:1]
    section, key = parameter.split(".")
    document[section][key] = [value]
    if key != "seeds":  # it is defined, too
        defined = document["networks" if key == "taught" else key]
        defined[value] = next(iter(defined.values()))
    with open(project / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)


def lay_out(project: Path, stage: str, parameter: str, value: object) -> None:
    """Put whatever the stage depends on in its place: a missing file must not be what stops it."""
    for made in ("data", "models", "reports"):
        shutil.rmtree(project / made, ignore_errors=True)
    select = YAML(typ="safe").load((project / "params.yaml").read_text(encoding="utf-8"))["select"]
    for dep in DOCUMENT["stages"][stage]["deps"]:
        for axis, source in DOCUMENT["stages"][stage]["matrix"].items():
            chosen = select[NAMED.findall(source)[0].split(".")[1]] or ["nobody"]
            dep = dep.replace(f"${{item.{axis}}}", str(chosen[0]))
        path = Path(os.path.normpath(project / dep))
        if path.is_relative_to(project) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("something")


def marks(project: Path) -> list[Path]:
    return [path for path in [*project.rglob(MARK), *project.parent.glob(MARK)]]


def test_every_template_of_dvc_yaml_is_attacked(tell):
    tell("templates in dvc.yaml's commands", f"{len(TEMPLATED)}, of {len(ATTACKS)} attacks each")
    lists = {"corpora", "networks", "seeds", "taught"}
    assert {parameter for _, parameter in TEMPLATED} == {f"select.{one}" for one in lists}
    assert len(TEMPLATED) == 19


@pytest.mark.parametrize(("stage", "parameter"), TEMPLATED)
def test_no_value_of_a_template_reaches_a_shell(tell, times, project, stage, parameter):
    tried = f"commands in {parameter}, dvc repro --single-item {stage}"
    tell(tried, "")
    if not times(1, stage in SHARE):
        pytest.skip("make torture attacks all of them")
    chosen = list(ATTACKS.items())[: times(len(ATTACKS), 1)]
    ran = 0
    for named, pattern in chosen:
        value = pattern.format(mark=MARK)
        attack(project, parameter, value)
        lay_out(project, stage, parameter, value)
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "repro", "--single-item", stage],
            cwd=project,
            env=environment(project),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode != 0, named
        assert not marks(project), named
        ran += f"stages.{stage}" in done.stdout + done.stderr
    tell(
        tried, f"{len(chosen)} tried, none run; {ran} got as far as a command, where each was one quoted word"
    )


@pytest.mark.parametrize("parameter", sorted({parameter for _, parameter in TEMPLATED}))
def test_dvc_repro_ends_at_its_first_stage(tell, times, project, parameter):
    if not times(1, parameter in SHARE):
        pytest.skip("make torture attacks all of them")
    tried = f"a command in {parameter}, dvc repro"
    tell(tried, "")
    attack(project, parameter, ATTACKS["a second command"].format(mark=MARK))
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 255
    [line] = [one for one in said.splitlines() if f"{parameter}.0: " in one]
    assert said.count("Running stage") == 1
    assert not marks(project)
    tell(tried, line.strip())


COMMANDS = {
    "check": ["check"],
    "predict --model": ["predict", "--model"],
    "predict --champion": ["predict", "--champion"],
    "repro --suite": ["repro", "--suite"],
    "shapes": ["shapes"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_on_the_command_line_is_refused(refused, times, tmp_path, command):
    if not times(1, command in SHARE):
        pytest.skip("make torture attacks all of them")
    for name in ("params.yaml", "dvc.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    texts = ["a text"] if command.startswith("predict") else []
    refused(
        f"unroll {command} with a command for a name",
        ["-m", "unroll", *COMMANDS[command], f"x; touch {MARK} #", *texts],
        tmp_path,
        f"x; touch {MARK} #",
        environment={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    assert not (tmp_path / MARK).exists()
