"""How a network is trained on a corpus: what params.yaml says of both, laid over its defaults."""

from collections.abc import Mapping
from typing import Any

from unroll.training.loop import Training, merge


def of_network(
    defaults: Training, corpus: Mapping[str, Any], network: Mapping[str, Any], *, has_trees: bool
) -> Training:
    """Lay a corpus' overrides over the defaults, then a network's.

    A network may meet any corpus, so that its `phrases_first` holds where there are phrases to read.

    Raises:
        pydantic.ValidationError: as training.loop.merge does.
    """
    own = dict(network)
    if own.get("phrases_first") and not has_trees:
        del own["phrases_first"]
    return merge(defaults, {**corpus}, own)
