"""The trials on disk: a line each, written whole after each of them, and what they belong to beside it."""

import csv
import json
from pathlib import Path

from unroll import files
from unroll.failures import Refusal
from unroll.search.course import Trial
from unroll.search.origin import Origin
from unroll.search.space import Setting, text_of

Row = dict[str, str]


class Record:
    """reports/search/<name>.csv, which repeats byte for byte, and <name>.json: its origin, and times."""

    def __init__(self, table: Path, keys: list[str], seeds: tuple[int, ...], origin: Origin) -> None:
        """Read what an earlier process has left.

        Raises:
            Refusal: it belongs to something else, or is damaged.
        """
        self.table, self.beside = table, table.with_suffix(".json")
        self.keys, self.seeds, self.origin = keys, [f"seed_{seed}" for seed in seeds], origin
        columns = ["trial", *keys, *self.seeds, "mean", "epochs", "parameters", "given_up", "same_as"]
        self.rows: list[Row] = []
        self.seconds: list[float] = []
        if not table.exists():
            return
        self._refuse_what_belongs_elsewhere()
        with open(table, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, restkey="more", restval="")
            self.rows = list(reader)
        numbered = [row["trial"] for row in self.rows if row.keys() == set(columns)]
        if reader.fieldnames != columns or numbered != [str(number) for number in range(len(self.rows))]:
            raise self._refusal("is damaged")

    def known(self, number: int, setting: Setting) -> Trial | None:
        """Return the trial of this number, if it is there.

        Raises:
            Refusal: it has another setting, or is damaged.
        """
        if number >= len(self.rows):
            return None
        row = self.rows[number]
        if {key: row[key] for key in self.keys} != self._texts(setting):
            raise self._refusal(f"has another setting in trial {number} than the search draws")
        try:
            return Trial(
                number,
                setting,
                scores=tuple(float(row[seed]) if row[seed] else None for seed in self.seeds),
                epochs=int(row["epochs"]),
                parameters=int(row["parameters"]),
                same_as=int(row["same_as"]) if row["same_as"] else None,
                seconds=float(self.seconds[number]),
            )
        except (ValueError, TypeError, IndexError):
            raise self._refusal(f"is damaged in trial {number}") from None

    def write(self, trials: list[Trial]) -> None:
        """Write all trials, and their times first: the table never has one whose time is missing."""
        times = [trial.seconds for trial in trials]
        files.write_json(self.beside, {"origin": self.origin, "seconds": times})
        files.write_csv(self.table, [self._row(trial) for trial in trials])

    def _row(self, trial: Trial) -> dict[str, object]:
        scores = dict(zip(self.seeds, trial.scores, strict=True))
        return {
            "trial": trial.number,
            **self._texts(trial.setting),
            **scores,
            "mean": trial.mean,
            "epochs": trial.epochs,
            "parameters": trial.parameters,
            "given_up": "yes" if trial.mean is None else "no",
            "same_as": trial.same_as,
        }

    def _texts(self, setting: Setting) -> Row:
        return {key: text_of(setting[key]) for key in self.keys}

    def _refuse_what_belongs_elsewhere(self) -> None:
        if not self.beside.exists():
            raise self._refusal(f"says nothing of its origin, which {self.beside} should do")
        try:
            document = json.loads(self.beside.read_text(encoding="utf-8"))
            origin, self.seconds = document["origin"], list(document["seconds"])
        except (ValueError, KeyError, TypeError):
            raise self._refusal(f"has an origin that cannot be read, {self.beside}") from None
        # As it comes back from JSON: tuples are lists there.
        now = json.loads(json.dumps(self.origin))
        before = origin if isinstance(origin, dict) else {}
        if differing := [part for part in now if before.get(part) != now[part]]:
            raise self._refusal(f"belongs to another {', '.join(differing)} than this search has now")

    def _refusal(self, what: str) -> Refusal:
        return Refusal(
            f"{self.table} {what}: move it away, and {self.beside.name} with it, and the search begins anew; "
            "or give this one another name in params.yaml"
        )
