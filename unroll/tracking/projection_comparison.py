"""What the tracker shows of a corpus's comparison: one run with the report's files, and the verdict.

The report is one for all corpora that were compared last; each of their experiments gets its page and
tables, and the figures of its own corpus.
"""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from unroll import files
from unroll.pipeline.content import md5_of
from unroll.pipeline.lockfile import Entry
from unroll.report.entrants import names_of
from unroll.report.tables import ORIGINS
from unroll.tracking.projection import Content

NAME = "comparison"


@dataclass(frozen=True)
class Comparison:
    """One corpus: the entry that compared its networks, and the report's files, none where it has others."""

    corpus: str
    entry: Entry
    path: Path
    """The document that the entry made."""
    shown: dict[str, set[str]]
    """The networks of each corpus that the report is of."""
    files: list[tuple[Path, str]]
    """The report's files that dvc.lock vouches for, each with the folder that it goes to."""

    @property
    def digest(self) -> str | None:
        return self.entry.outs.get(self.path.as_posix())

    @cached_property
    def report(self) -> list[tuple[Path, str]]:
        """The report's files, or none where it is of other corpora or networks than this document."""
        compared = {name for task in self.document.get("tasks", []) for name in names_of(task)}
        return self.files if compared and compared == self.shown.get(self.corpus) else []

    @property
    def digests(self) -> list[str | None]:
        return [md5_of(path) for path, _ in self.report]

    @cached_property
    def document(self) -> dict:
        """The comparison, or nothing where the file is not the entry's."""
        return files.read_json(self.path) if self.entry.made(self.path) else {}

    @property
    def verdict(self) -> str:
        """The answer in words, or nothing where the file is not the entry's."""
        return _verdicts(self.document) if self.document else ""

    def content(self) -> Content:
        """The run of the comparison; the scores are those of its networks' own runs."""
        document = self.document
        return Content(
            corpus=self.corpus,
            name=NAME,
            note=f"All networks on {self.corpus} against each other. {_verdicts(document)}",
            tags={
                "corpus": self.corpus,
                "level": "corpus",
                "seeds": " ".join(map(str, document["seeds"])),
                "dvc.stage": self.entry.stage,
            },
            params={
                "networks": str(sum(len(task["networks"]) for task in document["tasks"])),
                **{name: str(document[name]) for name in ("rows", "resamples", "level")},
            },
            points=[],
            artifacts=[(self.path, "document"), *self.report],
        )

    def description(self) -> str:
        """What the experiment is about, in Markdown."""
        document = self.document
        source = document["source"]
        # All that MLflow's page shows before one clicks is the first paragraph, in its list without markup.
        paragraphs = [f"{document['title']}. {_verdicts(document)}", _origin(source)]
        if document["warnings"]:
            paragraphs.append(f"**Warning:** {'; '.join(document['warnings'])}.")
        paragraphs.append(
            "The run *comparison* holds the page, tables and figures. `tags.level` is `network` for the "
            "mean over seeds, `seed` for each of them, `ensemble` for networks asked together and `floor` "
            "for what needs no network; what dvc.lock no longer knows has the tag `state = stale`. When and "
            "how long a run ran is that of this view, not of a training."
        )
        return "\n\n".join(paragraphs)


def networks_in(table: Path) -> dict[str, set[str]]:
    """Return the networks of each corpus in the report's table."""
    found: dict[str, set[str]] = {}
    with open(table, encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(row["corpus"], set()).add(row["network"])
    return found


def _verdicts(document: dict) -> str:
    return " ".join(task["verdict"] for task in document["tasks"])


def _origin(source: dict) -> str:
    place = ORIGINS[source["from"]]
    sentences = [f"Texts: {source['repository']}, revision {source['revision']}, from {place}."]
    # A file of one's own may have neither.
    for word, key in (("Licence", "licence"), ("Source", "citation")):
        if source[key]:
            sentences.append(f"{word}: {source[key]}.")
    return " ".join(sentences)
