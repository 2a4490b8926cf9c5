"""One (corpus, network, seed) -> models/<corpus>/<network>/<seed>/ and its history."""

import time
from functools import partial
from pathlib import Path

from unroll import environment
from unroll.failures import Refusal
from unroll.stage import as_stage


def main(corpus: str, network_name: str, seed: int) -> None:
    started = time.monotonic()
    environment.pin()
    from unroll import files
    from unroll.networks import checkpoints, tasks
    from unroll.networks.batches import EncodedSplit
    from unroll.networks.embeddings import pretrained
    from unroll.networks.spec import Network
    from unroll.params import Params
    from unroll.progress import Display
    from unroll.training import interruption, launch, live, loop, team
    from unroll.training.experiment import Experiment, forget

    params = Params()
    network = params.get(f"networks.{network_name}", Network)
    labels = params.get(f"corpora.{corpus}.labels", tuple[str, ...])
    rules = params.get("training", loop.Training)
    rules = loop.merge(rules, params.get(f"corpora.{corpus}.training", dict), network.training)
    if rules.processes > 1 and not team.is_member():
        return launch.together(rules.processes, ["-m", "stages.train", corpus, network_name, str(seed)])
    with team.join() as ours, interruption.noticed() as stopping:
        profile = files.read_json(Path("data/environment/training.json"))
        device = profile["device"]
        environment.prepare_torch(device, rules.matmul_precision)
        data = Path("data/vocabulary") / corpus
        vocabulary = (data / "vocabulary.txt").read_bytes().count(b"\n")
        headline = params.get(f"corpora.{corpus}.headline", tasks.Headline)
        experiment = Experiment(network, rules, headline, vocabulary, len(labels), seed)
        vectors = Path("data/vectors") / corpus / network_name / "training"
        part = {"sentences": "train", "phrases": "train/phrases"}[rules.supervision]
        if not (data / part).exists():
            raise Refusal(f"{corpus} came without trees (data/raw/{corpus}/source.json): it has no phrases")
        train = EncodedSplit.load(data / part, device, vocabulary, pretrained(vectors, Path(part).name))
        unseen = pretrained(vectors, "validation")
        validation = EncodedSplit.load(data / "validation", device, vocabulary, unseen)
        model = experiment.model(pretrained(vectors, "vocabulary"), device)
        document = {"corpus": corpus, "labels": labels, "profile": profile}
        document |= {"vocabulary_sha256": files.sha256_of(data / "vocabulary.txt")}
        document |= experiment.document(model, train)
        name, unfinished = f"{corpus}-{network_name}-{seed}", Path(".unroll/checkpoints")
        key = checkpoints.key_of(document, [data / "train", data / "validation", vectors])
        run = partial(experiment.run, model, train, validation, unfinished / f"{name}-{key}.safetensors")
        if not ours.leads:
            run(stopping=stopping, team=ours)
            return
        with (
            Display(f"train {corpus} {network_name} {seed}") as shown,
            live.view(corpus, network_name, seed) as ended,
        ):
            loop_started = time.monotonic()
            fitted = run(shown, ended, stopping, ours)
            seconds = {"all": time.monotonic() - started, "loop": time.monotonic() - loop_started}
        document["best_epoch"] = fitted.best_epoch
        files.write_csv(Path("reports/history") / corpus / network_name / f"{seed}.csv", fitted.history)
        with files.whole_folder(Path("models") / corpus / network_name / str(seed)) as folder:
            checkpoints.save_model(folder, fitted.weights, document)
        forget(unfinished, name)
        # Times do not repeat, so they stay outside the outs.
        speed = {"seconds": seconds, "tokens_per_second": fitted.tokens_per_second}
        files.write_json(Path(".unroll/times") / f"{name}.json", speed)


if __name__ == "__main__":
    with as_stage("corpus", "network", "seed") as (corpus, network, seed):
        if not seed.isdecimal():
            raise Refusal(f"{seed!r} is no seed: give a whole number")
        main(corpus, network, int(seed))
