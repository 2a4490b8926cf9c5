"""Every test runs under the pinned environment: one thread, and the kernels that results are made with."""

import pytest

from unroll import environment

environment.pin()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory):
    """A runs.Corpus of the tiny rows; tests must not change it."""
    # Not at the top: most tests can do without torch.
    from runs import Corpus
    from tiny import COUNTS

    return Corpus(tmp_path_factory.mktemp("corpus"), COUNTS)
