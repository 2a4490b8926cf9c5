"""What DVC's plots draw: rows of the documents, templates that know their columns, and dvc.yaml between."""

import json
import re
from pathlib import Path

import pytest
from dvc_render.vega import VegaRenderer
from invented import document, next_word_task, task
from ruamel.yaml import YAML

from unroll.report.plots_data import CONFUSION_COLUMNS, CURVE_COLUMNS, confusions, curves
from unroll.report.tables import ROW_COLUMNS, rows

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / ".dvc/plots"
BOTH = [document(task(), next_word_task())]
DRAWN = {
    "curves": (curves(BOTH), CURVE_COLUMNS, "epoch", "value"),
    "confusions": (confusions(BOTH), CONFUSION_COLUMNS, "predicted", "label"),
    "scores": (rows(BOTH), ROW_COLUMNS, "mean", "network"),
}


def test_every_epoch_of_every_seed_has_both_losses_and_its_networks_headline():
    table = curves(BOTH)
    assert {tuple(row) for row in table} == {CURVE_COLUMNS}
    for network, headline in (("gru", "validation accuracy"), ("reader", "validation perplexity")):
        found = [row for row in table if row["network"] == network]
        keys = {(row["seed"], row["epoch"], row["figure"]) for row in found}
        figures = ("train loss", "validation loss", headline)
        assert keys == {(seed, epoch, name) for seed in (1, 2) for epoch in (1, 2) for name in figures}
        assert len(found) == len(keys)


def test_a_curve_keeps_its_values():
    [row] = [
        row
        for row in curves(BOTH)
        if (row["network"], row["seed"], row["epoch"], row["figure"]) == ("gru", 2, 2, "validation loss")
    ]
    assert row["value"] == pytest.approx(1.1 / 2 + 0.02)


def test_every_cell_of_a_confusion_matrix_is_a_row_true_label_first():
    cells = [
        (row["label"], row["predicted"], row["rows"], row["share"])
        for row in confusions(BOTH)
        if row["network"] == "gru"
    ]
    assert cells == [
        ("cold", "cold", 30.5, 30.5 / 40),
        ("cold", "warm", 9.5, 9.5 / 40),
        ("warm", "cold", 12.0, 0.2),
        ("warm", "warm", 48.0, 0.8),
    ]


def test_next_word_networks_have_no_confusion_matrix():
    assert {row["network"] for row in confusions(BOTH)} == {"gru", "bag_1", "rnn"}


def test_a_class_without_rows_has_no_shares():
    empty = document(task())
    for network in empty["tasks"][0]["networks"]:
        network["confusion"][0] = [0.0, 0.0]
    assert [row["share"] for row in confusions([empty])[:3]] == [None, None, 0.2]


@pytest.mark.parametrize("name", DRAWN)
def test_a_template_names_only_columns_that_its_table_has_or_that_it_makes(name):
    _, columns, x, y = DRAWN[name]
    template = json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8"))
    text = json.dumps(template)
    named = set(re.findall(r'"field": "(\w+)"', text)) | set(re.findall(r"datum\.(\w+)", text))
    named |= set(template["data"]["format"]["parse"])
    assert named - set(re.findall(r'"as": "(\w+)"', text)) <= {*columns, "rev"}
    assert {x, y} <= set(columns)


@pytest.mark.parametrize("name", DRAWN)
def test_a_template_has_a_title_and_titles_of_its_axes(name):
    text = (TEMPLATES / f"{name}.json").read_text(encoding="utf-8")
    for anchor in ("TITLE", "DATA", "X", "Y", "X_LABEL", "Y_LABEL"):
        assert f"<DVC_METRIC_{anchor}>" in text


@pytest.mark.parametrize("name", DRAWN)
def test_what_dvc_makes_of_a_template_can_be_drawn(name):
    vl_convert = pytest.importorskip("vl_convert")
    table, _, x, y = DRAWN[name]
    # A CSV has no types and no None.
    points = [{key: "" if value is None else str(value) for key, value in row.items()} for row in table]
    renderer = VegaRenderer(
        [point | {"rev": "workspace"} for point in points],
        name,
        template=name,
        template_dir=str(TEMPLATES),
        x=x,
        y=y,
        title="A title",
        x_label="across",
        y_label="up",
    )
    picture = vl_convert.vegalite_to_svg(renderer.get_filled_template(), vl_version="5.8")
    assert "NaN" not in picture
    for words in ("A title", "across", "up", "rows: "):
        assert words in picture


def test_dvc_draws_only_columns_that_its_tables_have_with_titles_and_axes():
    columns = {
        "reports/plots/curves.csv": CURVE_COLUMNS,
        "reports/plots/confusions.csv": CONFUSION_COLUMNS,
        "reports/comparison.csv": ROW_COLUMNS,
    }
    dvc_yaml = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    for figure in dvc_yaml["plots"]:
        [settings] = figure.values()
        [(table, y)] = settings["y"].items()
        assert {settings["x"], y} <= set(columns[table])
        assert (ROOT / f".dvc/plots/{settings['template']}.json").exists()
        assert all(settings[key] for key in ("title", "x_label", "y_label"))
