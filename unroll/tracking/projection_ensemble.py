"""What the tracker shows of an ensemble: one run, which stands beside those of the networks."""

from collections.abc import Iterator
from dataclasses import dataclass

from unroll.pipeline.lockfile import key_of
from unroll.tracking.projection import Content, as_params, as_points, in_words
from unroll.tracking.projection_comparison import Comparison

LEVEL = "ensemble"


@dataclass(frozen=True)
class Ensemble:
    """Networks that were asked together on one corpus, as its comparison has them."""

    comparison: Comparison
    found: dict
    """What the comparison's document says of it."""

    @property
    def key(self) -> str:
        return key_of([self.comparison.corpus, LEVEL, self.found])

    def content(self) -> Content:
        corpus, found, seeds = self.comparison.corpus, self.found, self.comparison.document["seeds"]
        test = {metric: scores["mean"] for metric, scores in found["scores"].items()}
        fitted = found["validation"]["weighted"]
        return Content(
            corpus=corpus,
            name=found["name"],
            note=f"{', '.join(found['networks'])} on {corpus}, asked together with all seeds and weighed by "
            f"validation: on the test split {in_words(test)}. To repeat it: "
            f"`dvc repro {self.comparison.entry.stage}`.",
            tags={
                "corpus": corpus,
                "network": found["name"],
                "level": LEVEL,
                "seeds": " ".join(map(str, seeds)),
                "dvc.stage": self.comparison.entry.stage,
            },
            params=as_params({"weights": found["networks"], "parameters": found["parameters"]}),
            points=as_points("test/{}", test) + as_points("validation/{}", fitted),
            artifacts=[],
        )


def ensembles(comparison: Comparison) -> Iterator[Ensemble]:
    """Yield those of a comparison; none where its document is not on disk."""
    for task in comparison.document.get("tasks", []):
        for found in task["ensembles"]:
            yield Ensemble(comparison, found)
