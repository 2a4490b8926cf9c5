"""What the stages import, and DVC: loaded once, in the process that they are forked from.

To import torch takes 2 s, DVC and pandas half a second each: more than many a training. MLflow takes
as long as torch, and one stage alone needs it.
"""

# ruff: noqa: E402, F401

import os
import sys

os.setsid()  # no signal to the group of `unroll repro` ends it before those that it has forked have ended

from unroll.pipeline import warm  # isort: skip (it notes what code there is before any is loaded)
from unroll import environment  # isort: skip

environment.pin()  # before torch, as every stage does

from unroll import stage

if sys.platform == "linux":
    stage.end_with(os.getppid())  # it reads of its end only once it has imported all this

import dulwich.ignore
import dulwich.worktree
import dvc.cachemgr
import dvc.data_cloud
import dvc.dirs
import dvc.parsing.interpolate
import dvc.repo.artifacts
import dvc.repo.datasets
import dvc.repo.metrics
import dvc.repo.params
import dvc.repo.plots
import dvc.repo.stage
import dvc.rwlock
import dvc.scm
import dvc.utils.strictyaml
import dvc_data.hashfile.db.local
import dvc_data.hashfile.status
import fsspec.implementations.memory
import platformdirs.unix
import pyarrow.dataset
import pyarrow.pandas_compat
import pyparsing
import torch

from unroll import catalogue, records
from unroll.comparison import compare, results
from unroll.corpora import readers
from unroll.distillation import ensembles
from unroll.evaluation import report as evaluation_report
from unroll.floor import classifier
from unroll.lexicon import vector_tables
from unroll.pipeline import dvc_process
from unroll.report import latex, page, plots_data, ranks, tables, times
from unroll.report.figures import gallery
from unroll.text import cleaning
from unroll.training import assignment
