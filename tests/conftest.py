"""Every test runs under the pinned environment: one thread, and the kernels that results are made with."""

from unroll import environment

environment.pin()
