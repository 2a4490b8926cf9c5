"""What the tracker shows of a corpus's floor: one run, which stands beside those of the networks."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from unroll import files
from unroll.floor import NAME
from unroll.pipeline.lockfile import Entry
from unroll.tracking.projection import Content, as_params, as_points, in_words

READ = ("train", "test")


@dataclass(frozen=True)
class Floor:
    """What needs no network on one corpus: its entry, and in which folders its files belong."""

    corpus: str
    entry: Entry
    clean: Path
    """The folder of the splits that it read."""
    reports: Path

    @property
    def scores(self) -> Path:
        return self.reports / "scores" / self.corpus / f"{NAME}.json"

    @property
    def predictions(self) -> Path:
        return self.reports / "predictions" / self.corpus / f"{NAME}.parquet"

    @cached_property
    def report(self) -> dict:
        """The scores, or nothing where the file is not the entry's."""
        return files.read_json(self.scores) if self.entry.made(self.scores) else {}

    def content(self) -> Content:
        report = self.report
        made = [(self.scores, "scores"), (self.predictions, "predictions")]
        digests = {split: self.entry.deps.get((self.clean / f"{split}.parquet").as_posix()) for split in READ}
        return Content(
            corpus=self.corpus,
            name=report["floor"],
            note=f"{report['system']} on {self.corpus}, which every network has to beat: on the test split "
            f"{in_words(report['scores'])}. To repeat it: `dvc repro {self.entry.stage}`.",
            tags={
                "corpus": self.corpus,
                "network": report["floor"],
                "level": "floor",
                "dvc.stage": self.entry.stage,
            },
            params=as_params(
                report["spec"] | {name: report[name] for name in ("class_weights", "parameters")}
            ),
            points=as_points("test/{}", report["scores"]),
            artifacts=[(path, folder) for path, folder in made if self.entry.made(path)],
            digests={split: digest for split, digest in digests.items() if digest},
            source=report["source"],
        )
