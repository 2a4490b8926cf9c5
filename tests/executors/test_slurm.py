"""Jobs by submitit: run as processes of this machine, and as the script that sbatch would get."""

import io
import os
import stat
from pathlib import Path

import pytest
import small_project
from rich.console import Console

from unroll.catalogue import Machine, Resources
from unroll.executors import head, node
from unroll.failures import Refusal

pytest.importorskip("submitit", reason="make services installs submitit")

from unroll.executors import slurm

NEEDS = {"first": [], "second": ["first"]}
SBATCH = """#!/bin/sh
cp "$1" "$SCRIPTS/"
echo Submitted batch job 12
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("project", "notes", "bin", "scripts"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("PYTHONPATH", small_project.PYTHONPATH)
    monkeypatch.setenv(node.FOLDER_VARIABLE, str(tmp_path / "node"))
    monkeypatch.chdir(small_project.make(tmp_path / "project", NEEDS, str(tmp_path / "remote")))
    return tmp_path / "project"


def run(needs: dict[str, list[str]]) -> str:
    output = io.StringIO()
    graph = {name: set(needed) for name, needed in needs.items()}
    console = Console(file=output, width=200)
    head.run(graph, slurm.opened, Machine(runs_per_gpu=1), "cpu", {}, Path("logs"), console)
    return output.getvalue()


def test_jobs_run_one_after_the_other_and_all_comes_back(project, monkeypatch):
    monkeypatch.setenv(slurm.CLUSTER_VARIABLE, "local")
    said = run(NEEDS)
    assert "[2/2] second done" in said
    assert (project / "made/second").read_text() == "second (first)"
    assert not list(slurm.FOLDER.iterdir())


def test_what_fails_three_times_is_told_with_its_log(project, monkeypatch):
    monkeypatch.setenv(slurm.CLUSTER_VARIABLE, "local")
    (project.parent / "notes/first.py").write_text("print('sorrow', flush=True); raise SystemExit(3)")
    with pytest.raises(Refusal, match=r"(?s)first failed; .*sorrow.*1 stages that come after did not run"):
        run({"first": [], "second": ["first"]})
    assert len((project.parent / "notes/first").read_text().splitlines()) == 3


def test_without_slurm_it_says_where_to_run_it(project, monkeypatch):
    monkeypatch.setenv("PATH", os.environ["PATH"])
    with pytest.raises(Refusal, match="there is no Slurm here"):
        run(NEEDS)


def test_the_script_for_sbatch_asks_for_what_params_yaml_says(project, monkeypatch):
    for name in ("srun", "sbatch", "sacct"):
        program = project.parent / "bin" / name
        program.write_text(SBATCH if name == "sbatch" else "#!/bin/sh\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{project.parent / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SCRIPTS", str(project.parent / "scripts"))
    machine = Machine(runs_per_gpu=4, sbatch={"partition": "short", "time": "02:00:00", "mem_per_cpu": "4G"})
    request = {"stage": "train@sst5-gru-1"}
    with slurm.opened(head.pack(project), machine) as jobs:
        jobs.submit(request, Resources(cpus=1.5, gpus=0.25), {"node7"})
    [script] = (project.parent / "scripts").iterdir()
    lines = script.read_text().splitlines()
    for option in (
        "job-name=train-sst5-gru-1",
        "cpus-per-task=2",
        "gpus-per-node=1",
        "partition=short",
        "time=02:00:00",
        "mem-per-cpu=4G",
        "exclude=node7",
    ):
        assert f"#SBATCH --{option}" in lines, script.read_text()
