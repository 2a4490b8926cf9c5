"""python -m unroll predict TEXT...: finds the models, and prints what they make of the texts."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from unroll import catalogue, environment, files
from unroll.failures import Refusal
from unroll.prediction import choice, standing, texts
from unroll.prediction.answers import Answer, answers, as_cells, as_line, as_object
from unroll.prediction.ensemble import Ensemble
from unroll.prediction.reader import Precision
from unroll.text.tokenization import TextRules

PARAMS = Path("params.yaml")
VOCABULARY = Path("data/vocabulary")
CLEAN = Path("data/clean")


def predict_texts(
    given: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT...", help="one or more; by default the lines of standard input"),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="CORPUS/NETWORK for all its seeds, CORPUS/NETWORK/SEED for one")
    ] = None,
    champion: Annotated[
        str | None,
        typer.Option(
            metavar="CORPUS", help="the best network by validation; by default of the first one selected"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON a text")] = False,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="read a column of this table, and answer with more columns")
    ] = None,
    column: Annotated[str, typer.Option(help="that holds the texts of --csv")] = "text",
    output: Annotated[Path | None, typer.Option(help="a file for the table of --csv")] = None,
    precision: Annotated[
        Precision, typer.Option(help="bfloat16 is faster for many texts; probabilities move by thousandths")
    ] = "float32",
) -> None:
    """Print the label of each text, the probability of every label, and how far the seeds agree."""
    _refuse_what_contradicts(given, model, champion, as_json, csv_file, output)
    whole = catalogue.load(PARAMS)
    table = texts.table(csv_file, column) if csv_file else None
    asked = table.texts if table else texts.given(given) if given else texts.lines(sys.stdin.buffer.read())
    chosen = choice.named(whole, model) if model else choice.best(whole, champion or whole.select.corpora[0])
    environment.prepare_torch("cpu", standing.rules_of(whole, chosen.corpus, chosen.network).matmul_precision)
    rules = whole.corpora[chosen.corpus].text
    ensemble = Ensemble.load(
        chosen.folders,
        VOCABULARY / chosen.corpus / "vocabulary.txt",
        rules,
        None if rules.subwords is None else CLEAN / chosen.corpus / "tokenizer.json",
        precision=precision,
    )
    print(f"unroll: {chosen}", file=sys.stderr)
    _tell_what_is_cut(asked, chosen.corpus, rules)
    found = list(answers(asked, ensemble.read(asked)))
    if table:
        written = _with_columns(table, found, ensemble.classes)
        files.write_text(output, written) if output else sys.stdout.write(written)
        return
    for answer in found:
        print(json.dumps(as_object(answer), ensure_ascii=False) if as_json else as_line(answer))


def _refuse_what_contradicts(
    given: list[str] | None,
    model: str | None,
    champion: str | None,
    as_json: bool,
    csv_file: Path | None,
    output: Path | None,
) -> None:
    for wrong, why in (
        (model and champion, "--model and --champion: name one of them"),
        (csv_file and given, "--csv and texts: give one of them"),
        (csv_file and as_json, "--csv and --json: a table is answered with a table; name one of them"),
        (output and not csv_file, "--output is for --csv: send anything else where it belongs with >"),
    ):
        if wrong:
            raise Refusal(why)


def _tell_what_is_cut(asked: Sequence[str], corpus: str, rules: TextRules) -> None:
    if longer := sum(len(text) > rules.max_characters for text in asked):
        beginning = f"the first {rules.max_characters:,} characters of {longer} longer texts are read"
        print(f"unroll: {beginning} ({PARAMS}: corpora.{corpus}.text.max_characters)", file=sys.stderr)


def _with_columns(table: texts.Table, found: list[Answer], classes: tuple[str, ...]) -> str:
    """Return the table with what was found behind its own columns."""
    nothing = Answer("", "", dict.fromkeys(classes, 0.0), None, 0, 0, [])
    added = list(as_cells(nothing))
    if taken := [name for name in added if name in table.columns]:
        raise Refusal(f"{table.path} has a column {taken[0]!r} already: rename it")
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*table.columns, *added])
    for row, answer in zip(table.rows, found, strict=True):
        writer.writerow([*row, *as_cells(answer).values()])
    return stream.getvalue()
