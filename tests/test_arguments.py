"""A stage reads its values from the command line as DVC writes them and as people do."""

from unroll import arguments


def test_the_names_of_the_axes_may_be_left_out():
    values = ["sst5", "gru", "1"]
    assert arguments.of_stage(["--corpus", "sst5", "--network", "gru", "--seed", "1"]) == values
    assert arguments.of_stage(values) == values
