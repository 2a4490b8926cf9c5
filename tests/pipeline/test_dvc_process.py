"""DVC run by way of dvc_process leaves the bytes that DVC alone leaves."""

import shutil
import subprocess
import sys

import pytest
from clone import ROOT
from dvc.fs import LocalFileSystem
from dvc.utils.serialize import YAMLFileCorruptedError, load_yaml, modify_yaml

from unroll.pipeline import dvc_process, lock_text

STAGES = """\
stages:
  one:
    cmd: cp params.yaml one
    params:
      - numbers
      - words
    deps:
      - params.yaml
    outs:
      - one
  two:
    matrix:
      part: [left, right]
    cmd: cp one ${item.part}
    deps:
      - one
    outs:
      - ${item.part}
"""
PARAMS = "numbers: [1, 1e-3, 1.0e+16, null]\nwords: {yes: 'no', quoted: 'a: b', umlaut: 'grün', empty: ''}\n"
RECORDED = {"cmd": "echo 'it: is'", "deps": [{"path": "grün", "md5": "0", "size": 12}], "params": {}}

COUNT = """
import ruamel.yaml
from unroll import params
from unroll.pipeline import dvc_process
load, texts = ruamel.yaml.YAML.load, []
ruamel.yaml.YAML.load = lambda yaml, text: texts.append(text) or load(yaml, text)
def stage(*_):
    assert params.Params().get("numbers", list)[0] == 1
assert dvc_process.repro("one", stage) == 0
print(f"parsed params.yaml {sum('umlaut' in str(text) for text in texts)} times")
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "dvc.yaml").write_text(STAGES)
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    return tmp_path


def repro(folder, module: str, *arguments: str) -> bytes:
    command = [sys.executable, "-m", module, "repro", "-q", *arguments]
    subprocess.run(command, cwd=folder, check=True, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"})
    return (folder / "dvc.lock").read_bytes()


def test_the_lock_is_that_of_dvc_alone_stage_by_stage_and_after_a_change(project, tmp_path_factory):
    alone = tmp_path_factory.mktemp("alone")
    shutil.copytree(project, alone, dirs_exist_ok=True)
    for stage in ("one", "two@right", "two@left"):
        ours = repro(project, "unroll.pipeline.dvc_process", "--single-item", stage)
        assert ours == repro(alone, "dvc", "--single-item", stage)
    for folder in (project, alone):
        (folder / "params.yaml").write_text(PARAMS.replace("1e-3", "2e-3"), encoding="utf-8")
    assert repro(project, "unroll.pipeline.dvc_process") == repro(alone, "dvc") != ours


def test_an_entry_takes_the_place_that_dvc_gives_it(tmp_path):
    text = lock_text.HEAD + "".join(f"  {name}:\n    cmd: run {name}\n" for name in ("a@x-1", "b", "c"))
    for stage in ("b", "new"):
        written = []
        for modify in (modify_yaml, dvc_process.modify_entries):
            path = tmp_path / "dvc.lock"
            path.write_text(text)
            with modify(str(path)) as document:
                assert document["stages"].get("c") == {"cmd": "run c"}
                assert document["stages"].get("none", {}) == {}
                document["stages"].update({stage: RECORDED})
            written.append(path.read_bytes())
        assert written[0] == written[1] and written[0] != text.encode()


@pytest.mark.parametrize(
    "text", ["schema: '2.0'\nstages:\n    one:\n        cmd: x\n", "# mine\nstages: {}\n"]
)
def test_a_lock_that_dvc_did_not_write_is_left_to_dvc(tmp_path, text):
    written = []
    for modify in (modify_yaml, dvc_process.modify_entries):
        path = tmp_path / "dvc.lock"
        path.write_text(text)
        with modify(str(path)) as document:
            document["stages"]["two"] = {"cmd": "y"}
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_what_fails_on_the_way_leaves_the_lock_as_it_was(tmp_path):
    path = tmp_path / "dvc.lock"
    path.write_text(f"{lock_text.HEAD}  b:\n    cmd: run b\n")
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), dvc_process.modify_entries(str(path)) as document:
        document["stages"].update({"b": RECORDED})
        raise ZeroDivisionError
    assert path.read_bytes() == before


def test_parameters_are_parsed_anew_once_their_text_has_changed(tmp_path):
    path, fs = tmp_path / "params.yaml", LocalFileSystem()
    path.write_text(PARAMS, encoding="utf-8")
    first = dvc_process.load_parameters(str(path), fs=fs)
    assert first == load_yaml(str(path), fs=fs)
    assert dvc_process.load_parameters(str(path), fs=fs) is first
    path.write_text(PARAMS.replace("1e-3", "2e-3"), encoding="utf-8")
    assert dvc_process.load_parameters(str(path), fs=fs)["numbers"][1] == 0.002


def test_a_damaged_file_of_parameters_is_refused_as_dvc_refuses_it(tmp_path):
    path, fs = tmp_path / "params.yaml", LocalFileSystem()
    path.write_text("numbers: [1")
    for load in (load_yaml, dvc_process.load_parameters):
        with pytest.raises(YAMLFileCorruptedError, match="structure is corrupted"):
            load(str(path), fs=fs)


def test_dvc_and_its_stage_parse_the_parameters_once_between_them(project):
    command = [sys.executable, "-c", COUNT]
    run = subprocess.run(command, cwd=project, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "parsed params.yaml 1 times", run.stderr
