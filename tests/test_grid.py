"""The grids that the pipeline is measured with are projects like any other."""

import itertools

from benchmarks import grid
from unroll import catalogue


def test_a_grid_has_as_many_trainings_as_asked_and_params_that_fit(tmp_path):
    grid.make(tmp_path, corpora=2, networks=20, seeds=3)
    whole = catalogue.load(tmp_path / "params.yaml")
    select = whole.select
    assert len(set(itertools.product(select.corpora, select.networks, select.seeds))) == 120
    assert {network.cell for network in whole.networks.values()} == {"bag", "elman", "lstm", "gru"}
    for corpus in whole.corpora.values():
        assert all((tmp_path / path).exists() for path in corpus.source.files.values())


def test_a_grid_takes_along_no_results(tmp_path):
    grid.make(tmp_path, corpora=1, networks=1, seeds=1)
    assert not (tmp_path / "dvc.lock").exists()
    assert [path.name for path in (tmp_path / "reports").iterdir()] == [".gitignore"]
    assert (tmp_path / "stages/train.py").exists()
