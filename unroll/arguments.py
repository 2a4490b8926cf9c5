"""What a stage is called with."""


def of_stage(arguments: list[str]) -> list[str]:
    """Return the values alone: `--corpus sst5 --seed 1` and `sst5 1` say the same.

    dvc.yaml has DVC write every axis of a matrix as `--axis value`, since only so does DVC quote the values
    for the shell; people may leave the axes out.
    """
    return [argument for argument in arguments if not argument.startswith("--")]
