"""TF-IDF and logistic regression on one corpus -> reports/{scores,predictions,metrics}, without seeds."""

import time
from pathlib import Path
from typing import Any

from unroll import environment
from unroll.stage import as_stage


def main(corpus: str) -> None:
    started = time.monotonic()
    environment.pin()  # before numpy: one thread, so that sums come out the same
    from unroll import files, frames, metrics
    from unroll.evaluation.answers import predictions_schema
    from unroll.floor import NAME, SYSTEM
    from unroll.floor.classifier import Classifier, ClassWeights, read_rows
    from unroll.floor.spec import Floor
    from unroll.params import Params

    params = Params()
    rules = params.get("floor", Floor)
    headline = params.get(f"corpora.{corpus}.headline", str)
    labels = params.get(f"corpora.{corpus}.labels", tuple[str, ...])
    # As a network's: what the corpus says goes before the default.
    class_weights = params.get(f"corpora.{corpus}.training", dict[str, Any]).get("class_weights")
    class_weights = class_weights or params.get("training.class_weights", ClassWeights)
    data, reports = Path("data/clean") / corpus, Path("reports")
    train, test = (read_rows(data / f"{split}.parquet") for split in ("train", "test"))
    classifier = Classifier(rules, class_weights)
    classifier.fit(train)
    answers_NC = classifier.probabilities(test)
    scores = metrics.all_metrics(answers_NC, test.labels_N)
    report = {
        "corpus": corpus,
        "floor": NAME,
        "system": SYSTEM,
        "headline": headline,
        "labels": labels,
        "spec": rules.model_dump(),
        "class_weights": class_weights,
        "ngrams": classifier.ngrams,
        "parameters": classifier.parameters,
        "operations": classifier.operations(test),
        "rows": len(test.labels_N),
        "scores": scores,
        "source": files.read_json(Path("data/raw") / corpus / "source.json"),
    }
    files.write_json(reports / "scores" / corpus / f"{NAME}.json", report)
    files.write_json(reports / "metrics" / corpus / f"{NAME}.json", scores)
    # It has no seeds.
    schema = predictions_schema(len(labels)).remove(0)
    answered = test.answered(answers_NC)
    frames.write_parquet(reports / "predictions" / corpus / f"{NAME}.parquet", answered, schema)
    seconds = {"all": time.monotonic() - started}
    files.write_json(Path(".unroll/times") / f"{corpus}-{NAME}.json", {"seconds": seconds})


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
