"""The stages of dvc.yaml. Each file is a program: `python -m stages.NAME ARGUMENTS`."""

from unroll import stage

stage.begin()
