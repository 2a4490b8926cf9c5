"""What another place lacks is told before anything changes here."""

import subprocess
import sys

import pytest
import tiny
from shipped import SHIPPED

from unroll import command_line
from unroll.executors.places import Place
from unroll.failures import Refusal


def test_without_a_remote_nothing_is_chosen_or_prepared(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.chdir(tmp_path)
    tiny.write_params(tmp_path, SHIPPED)
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], check=True)
    before = (tmp_path / "params.yaml").read_bytes()
    with pytest.raises(Refusal, match="none is set: dvc remote add"):
        command_line.repro("starter", on=Place.slurm)
    assert (tmp_path / "params.yaml").read_bytes() == before
    assert not (tmp_path / "data").exists()
