"""data/vocabulary/<corpus> -> data/tutors/<corpus>/<tutor>/: what each tutor makes of the corpus' rows.

Probabilities of the training and the validation split, and of phrases where there are any. The test split
is not read; without a network that has a tutor nothing is.
"""

from pathlib import Path

from unroll import environment, files
from unroll.stage import as_stage

RECORD = Path("data/environment/tutors.json")
PROFILE = Path("data/environment/training.json")


def main(corpus: str) -> None:
    asked = files.read_json(RECORD)
    with files.whole_folder(Path("data/tutors") / corpus) as folder:
        if asked:
            _teach(corpus, asked, folder)


def _teach(corpus: str, asked: dict, folder: Path) -> None:
    environment.pin()
    from unroll.networks.tasks import Headline
    from unroll.params import Params, parse
    from unroll.training.loop import Training
    from unroll.tutoring.lesson import Lesson
    from unroll.tutoring.spec import Engagements

    params = Params()
    defaults, own = params.get("training", Training), params.get(f"corpora.{corpus}.training", dict)
    lesson = Lesson(
        corpus=corpus,
        data=Path("data/vocabulary") / corpus,
        classes=len(params.get(f"corpora.{corpus}.labels", tuple[str, ...])),
        headline=params.get(f"corpora.{corpus}.headline", Headline),
        profile=files.read_json(PROFILE),
        checkpoints=Path(".unroll/checkpoints"),
    )
    for name, engaged in parse(asked, Engagements, "", RECORD).items():
        learned = lesson.give(name, engaged, engaged.tutor.rules(defaults, own, lesson.has_phrases))
        (folder / name).mkdir()
        learned.save(folder / name)


if __name__ == "__main__":
    with as_stage("corpus") as arguments:
        main(*arguments)
