"""python -m unroll export CORPUS/NETWORK[/SEED]: finds the models, and says how near the export is."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unroll import catalogue, environment
from unroll.export.bounds import BOUNDS, Kind
from unroll.failures import Refusal
from unroll.prediction import choice

if TYPE_CHECKING:
    from unroll.export.folder import Trained

PARAMS = Path("params.yaml")
VOCABULARY = Path("data/vocabulary")
CLEAN = Path("data/clean")


def export_network(
    model: Annotated[
        str, typer.Argument(help="CORPUS/NETWORK: all its seeds as one; CORPUS/NETWORK/SEED: one alone")
    ],
    to: Annotated[Path, typer.Option(help="the folder to write; an older export there is replaced")],
    weights: Annotated[
        Kind,
        typer.Option(help="int8: a quarter of the size; probabilities move a little"),
    ] = "float32",
) -> None:
    """Write a trained network as ONNX, for use without torch, and compare both on every text of a split."""
    if missing := [package for package in ("onnx", "onnxruntime") if find_spec(package) is None]:
        raise Refusal(f"export needs {' and '.join(missing)}: make services installs it")
    from unroll.export import folder

    trained = _trained(catalogue.load(PARAMS), model)
    environment.prepare_torch("cpu", "highest")
    found = folder.write(trained, to.absolute(), weights)
    seeds = ", ".join(map(str, trained.seeds))
    print(f"{to}: {trained.name}, seed{'s' * (len(trained.seeds) > 1)} {seeds}, weights in {weights}")
    for path in sorted(to.iterdir()):
        print(f"  {path.name}: {path.stat().st_size:,} bytes")
    print(
        f"On {found.texts:,} texts of {trained.split} no probability is off by more than "
        f"{found.largest_difference:.1e} (bound {BOUNDS[weights]:g}); "
        f"{found.changed_labels} labels differ"
    )
    print(f'Without torch: python -m unroll.export.runtime {to} "a text"')


def _trained(whole: catalogue.Catalogue, model: str) -> "Trained":
    """Return what goes into the export of a model by its name.

    Raises:
        Refusal: the name is none of a model, or params.yaml does not know a part of it.
    """
    from unroll.export.folder import Trained

    chosen = choice.named(whole, model)
    corpus = chosen.corpus
    rules, encoded = whole.corpora[corpus].text, VOCABULARY / corpus
    return Trained(
        corpus=corpus,
        network=chosen.network,
        seeds=dict(zip(chosen.seeds, chosen.folders, strict=True)),
        vocabulary=encoded / "vocabulary.txt",
        rules=rules,
        pieces=None if rules.subwords is None else CLEAN / corpus / "tokenizer.json",
        split=encoded / ("test" if (encoded / "test").is_dir() else "validation"),
    )
