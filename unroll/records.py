"""What the stage `environment` puts on record: all that results depend on and that DVC cannot see."""

from unroll import environment
from unroll.catalogue import Catalogue
from unroll.corpora import tables
from unroll.corpora.sources import label_names
from unroll.lexicon import vectors
from unroll.networks import products
from unroll.tutoring import spec as tutoring


def of(whole: Catalogue, device: str) -> dict[str, object]:
    """Return each file of data/environment with its document.

    dvc.yaml cannot name files of one's own that params.yaml names, of rows or of word vectors: their
    checksums stand for them.

    Raises:
        Refusal: such a file is missing, or is not the one that its sha256 names.
    """
    named = vectors.of_networks(whole.select.all_networks, whole.networks, whole.vectors)
    lessons = {name: whole.networks[name].tutor for name in whole.select.all_networks}
    engaged = tutoring.engaged(sorted({*lessons.values()} - {None}), whole.tutors, whole.vectors)
    found: dict[str, object] = {
        **of_machine(device),
        "lessons.json": lessons,
        "tutors.json": {name: one.model_dump(mode="json") for name, one in engaged.items()},
        "vectors.json": vectors.as_document(named),
    }
    for name in whole.select.corpora:
        found[f"corpora/{name}.json"] = _of_corpus(whole, name)
    return found


def _of_corpus(whole: Catalogue, name: str) -> dict[str, object]:
    """Return the checksum of each file of one's own, and where texts of other corpora come from."""
    others = whole.corpora[name].pretraining_texts
    found: dict[str, object] = {}
    for corpus in (name, *others):
        found |= tables.checksums(whole.corpora[corpus].source, f"corpora.{corpus}.source")
    if others:
        found["pretraining_texts"] = {
            other: {
                "source": whole.corpora[other].source.model_dump(mode="json"),
                "names": label_names(whole.corpora[other].labels, whole.corpora[other].relabel),
            }
            for other in others
        }
    return found


def of_machine(device: str) -> dict[str, dict[str, object]]:
    """Return those of the files that tell of packages, processor and device."""
    processor = products.record()
    return {
        "text.json": environment.text_record(),
        "floor.json": environment.floor_record() | {"instructions": processor["instructions"]},
        "results.json": environment.results_record(),
        "training.json": environment.training_record(device) | (processor if device == "cpu" else {}),
    }
