import dataclasses
import itertools
import json
import math

import documents as invented
import pytest
from altair.vegalite.v6.schema.core import load_schema  # its copy of Vega-Lite's schema is all that is used
from jsonschema import Draft7Validator

from unroll.report.figures import gallery, theme

DOCUMENTS = invented.documents(next_word=True)
OVER = invented.over_corpora(DOCUMENTS, enough=True)
FIGURES = gallery.all_figures(DOCUMENTS, OVER)
SCHEMA = Draft7Validator(load_schema())
ALL = FIGURES | gallery.measured_figures(DOCUMENTS)

# How eyes without one kind of cone see linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
CONES = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.1523, 1.0526, -0.2049), (0.1145, 0.7863, 0.0992), (-0.0039, -0.0481, 1.052)),
    "no green": ((0.3673, 0.8606, -0.228), (0.2801, 0.6725, 0.0474), (-0.0118, 0.0429, 0.9689)),
    "no blue": ((1.2555, -0.0767, -0.1788), (-0.0784, 0.9308, 0.1476), (0.0047, 0.6914, 0.3039)),
}  # fmt: skip
MODES = {"light": theme.LIGHT, "dark": theme.DARK}


def linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def contrast(one: str, other: str) -> float:
    light, dark = sorted(
        (
            sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))
            for colour in (one, other)
        ),
        reverse=True,
    )
    return (light + 0.05) / (dark + 0.05)


def oklab(colour: str, cones: tuple) -> list[float]:
    rgb = [min(1, max(0, sum(w * c for w, c in zip(row, linear(colour), strict=True)))) for row in cones]
    to_cones = (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
    to_lab = (
        (0.2104542553, 0.793617785, -0.0040720468),
        (1.9779984951, -2.428592205, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.808675766),
    )
    roots = [sum(w * c for w, c in zip(row, rgb, strict=True)) ** (1 / 3) for row in to_cones]
    return [sum(w * c for w, c in zip(row, roots, strict=True)) for row in to_lab]


def networks_shown(figure) -> set[str]:
    return {row["network"] for row in figure.spec["datasets"]["rows"] if "network" in row}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cones", CONES)
def test_the_networks_colours_stay_apart_for_every_kind_of_eye(mode, cones):
    colours = [oklab(MODES[mode][f"n{i}"], CONES[cones]) for i in range(theme.COLOURED)]
    nearest = min(math.dist(a, b) for i, a in enumerate(colours) for b in colours[i + 1 :])
    assert nearest >= 0.075  # as far apart as the nearest two of Okabe and Ito's, without green cones


@pytest.mark.parametrize("mode", MODES)
def test_every_colour_that_carries_meaning_stands_out_from_the_page(mode):
    colours = MODES[mode]
    for name in [f"n{i}" for i in range(theme.COLOURED)] + ["rest", "better", "worse", "share"]:
        assert contrast(colours[name], colours["surface"]) >= 3, name
    for name in ("ink", "muted"):
        assert min(contrast(colours[name], colours[ground]) for ground in ("surface", "raised")) >= 4.5, name


def test_the_dark_page_has_every_colour_of_the_light_one():
    assert theme.DARK.keys() == theme.LIGHT.keys()


@pytest.mark.parametrize("name", ALL)
def test_a_figure_is_valid_vega_lite(name):
    spec = ALL[name].spec | {"config": theme.config(theme.CSS, ALL[name].colours, "serif")}
    errors = list(SCHEMA.iter_errors(spec))
    assert not errors, errors[0].message


@pytest.mark.parametrize("name", ["films-seeds", "films-confusion", "films-next-word-cost", "corpora-ranks"])
def test_a_figure_for_a_paper_repeats_and_holds_what_it_shows(name):
    svg = FIGURES[name].svg()
    assert svg.startswith("<svg") and svg == FIGURES[name].svg()
    assert "var(--" not in svg
    for network in networks_shown(FIGURES[name]):
        assert f">{network}<" in svg


def test_the_same_documents_give_the_same_figures_byte_for_byte():
    again = gallery.all_figures(invented.documents(next_word=True), OVER)
    assert json.dumps({name: one.spec for name, one in FIGURES.items()}) == json.dumps(
        {name: one.spec for name, one in again.items()}
    )


def test_every_place_of_a_figure_has_one_choice_that_bears_its_name():
    for slot in {figure.slot for figure in FIGURES.values()}:
        choices = [figure for figure in FIGURES.values() if figure.slot == slot]
        assert choices[0].name == slot
        assert len({figure.choice for figure in choices}) == len(choices)


def test_every_figure_says_what_it_shows_and_how_to_read_it():
    for figure in ALL.values():
        assert figure.title and figure.axes and figure.explanation.endswith(".")
        assert figure.explanation in figure.spec["description"]


def test_a_network_has_one_colour_in_all_figures():
    domains = {
        json.dumps(encoding["color"]["scale"]["domain"])
        for figure in FIGURES.values()
        for layer in figure.spec.get("spec", figure.spec)["layer"]
        for encoding in [layer["encoding"]]
        if "color" in encoding
    }
    assert domains == {json.dumps(list(gallery.network_colours(DOCUMENTS)))}


def test_a_change_of_rank_among_the_coloured_moves_no_colour():
    names = [f"network_{i}" for i in range(11)]
    swapped = [names[3], *names[:3], *names[4:]]
    assert theme.colour_names(names) == theme.colour_names(swapped)


def test_networks_after_the_eighth_are_grey():
    names = [f"network_{i}" for i in range(11)]
    colours = theme.colour_names(names)
    assert {colours[name] for name in names[8:]} == {"rest"}
    assert len({colours[name] for name in names[:8]}) == 8


def test_next_word_networks_have_no_figures_of_classes():
    kinds = {name.removeprefix("films-next-word-") for name in FIGURES if name.startswith("films-next-word-")}
    assert {"seeds", "pairs", "learning", "cost", "trials", "power"} <= kinds
    assert not {"confusion", "calibration", "length", "unknown-words"} & kinds


def test_ranks_over_corpora_are_drawn_only_where_there_are_enough():
    assert "corpora-ranks" in FIGURES
    assert "corpora-ranks" not in gallery.all_figures(DOCUMENTS, invented.over_corpora(DOCUMENTS))


def test_proportions_are_shown_in_percent_and_losses_as_they_are():
    network = DOCUMENTS[0]["tasks"][0]["networks"][0]
    for name, metric, factor in (("films-seeds", "accuracy", 100), ("films-seeds-loss", "loss", 1)):
        rows = {row["network"]: row for row in FIGURES[name].spec["datasets"]["rows"]}
        assert rows[network["name"]]["mean"] == pytest.approx(
            factor * network["scores"][metric]["mean"], abs=1e-4
        )


def test_a_published_figure_far_from_the_networks_is_named_but_not_drawn_in_the_close_up():
    close, everything = FIGURES["films-seeds"], FIGURES["films-seeds-accuracy-with-all-published-figures"]
    assert "majority class 24.0" in close.explanation
    assert "majority class" not in {one["system"] for one in close.spec["datasets"]["references"]}
    assert "majority class" in {one["system"] for one in everything.spec["datasets"]["references"]}
    low = everything.spec["layer"][0]["encoding"]["x"]["scale"]["domain"][0]
    assert low < 24.0


def test_a_cell_of_the_matrix_is_framed_exactly_where_the_corrected_p_says_so():
    pairs = [pair for pair in DOCUMENTS[0]["tasks"][0]["pairs"] if pair["metric"] == "accuracy"]
    framed = {
        (row["a"], row["b"]) for row in FIGURES["films-pairs"].spec["datasets"]["rows"] if row["different"]
    }
    assert framed == {(pair["a"], pair["b"]) for pair in pairs if pair["p_holm"] < 0.05}
    assert 0 < len(framed) < len(pairs)


def test_the_better_of_a_pair_has_the_lower_loss():
    for row in FIGURES["films-pairs-loss"].spec["datasets"]["rows"]:
        assert row["_better"] == (row["difference"] <= 0)


def test_a_row_of_a_confusion_matrix_sums_to_all_of_its_class():
    shares: dict[tuple[str, str], float] = {}
    for row in FIGURES["films-confusion"].spec["datasets"]["rows"]:
        key = row["network"], row["truth"]
        shares[key] = shares.get(key, 0) + row["share"]
    assert all(total == pytest.approx(100, abs=0.1) for total in shares.values())


def test_a_curve_is_the_mean_of_the_seeds_that_reached_its_epoch():
    network = DOCUMENTS[0]["tasks"][0]["networks"][0]
    rows = [
        row for row in FIGURES["films-learning"].spec["datasets"]["rows"] if row["network"] == network["name"]
    ]
    for row in rows:
        values = [
            100 * one["validation_accuracy"] for one in network["curves"] if one["epoch"] == row["epoch"]
        ]
        assert row["seeds"] == len(values)
        assert row["mean"] == pytest.approx(sum(values) / len(values), abs=1e-3)
        assert (row["low"], row["high"]) == pytest.approx((min(values), max(values)), abs=1e-3)


def test_names_beside_their_dots_do_not_cover_each_other():
    figure = FIGURES["films-cost"]
    low, high = figure.spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    heights = sorted(row["_label"] for row in figure.spec["datasets"]["rows"] if row["network"] != "bow")
    least = 15 * (high - low) / 300
    assert all(b - a >= least * 0.99 for a, b in itertools.pairwise(heights))


def test_one_seed_and_one_network_can_be_drawn():
    document = invented.document("films", ["gru"], 1)
    drawn = gallery.all_figures([document], invented.over_corpora([document]))
    assert "films-pairs" not in drawn
    assert drawn["films-seeds"].svg().startswith("<svg")


# --- the floor ----------------------------------------------------------------------------------------

FLOORED = [invented.with_floor(one) for one in DOCUMENTS]


def floored_figures() -> dict:
    over = invented.over_corpora(FLOORED, enough=True)
    over["average_ranks"]["tfidf"] = 2.5
    return gallery.all_figures(FLOORED, over)


@pytest.mark.parametrize("name", ["films-seeds", "films-pairs", "films-pairs-loss", "corpora-ranks"])
def test_a_figure_with_the_floor_is_valid_and_draws_it(name):
    figure = floored_figures()[name]
    spec = figure.spec | {"config": theme.config(theme.CSS, figure.colours, "serif")}
    assert not list(SCHEMA.iter_errors(spec))
    assert "tfidf" in figure.svg() or "TF-IDF" in figure.svg()


def test_the_floor_is_the_last_line_of_the_matrix_and_has_no_colour():
    figures = floored_figures()
    rows = figures["films-pairs"].spec["datasets"]["rows"]
    against = {row["a"] for row in rows if row["b"] == "tfidf"}
    assert against == {network["name"] for network in FLOORED[0]["tasks"][0]["networks"]}
    assert not [row for row in rows if row["a"] == "tfidf"]
    assert "tfidf" not in gallery.network_colours(FLOORED)
    assert figures["corpora-ranks"].explanation.endswith(
        "The lines of the floor and of ensembles are dashed."
    )
    assert "dashed" not in FIGURES["corpora-ranks"].explanation


def test_figures_of_networks_alone_do_not_change_with_the_floor():
    figures = floored_figures()
    for name in ("films-learning", "films-cost", "films-trials", "films-confusion"):
        assert figures[name].spec == FIGURES[name].spec


# --- an ensemble --------------------------------------------------------------------------------------

JOINED = [invented.with_floor(one, ensemble=True) for one in DOCUMENTS]
TOGETHER = gallery.all_figures(JOINED, invented.over_corpora(JOINED))


@pytest.mark.parametrize("name", ["films-seeds", "films-pairs", "films-pairs-loss"])
def test_a_figure_with_an_ensemble_is_valid_and_draws_it(name):
    figure = TOGETHER[name]
    spec = figure.spec | {"config": theme.config(theme.CSS, figure.colours, "serif")}
    assert not list(SCHEMA.iter_errors(spec))
    assert "both" in figure.svg()


def test_an_ensemble_has_a_column_and_a_line_of_the_matrix_whatever_the_page_shows():
    rows = TOGETHER["films-pairs"].spec["datasets"]["rows"]
    names = {network["name"] for network in JOINED[0]["tasks"][0]["networks"]}
    assert {row["a"] for row in rows if row["b"] == "both"} == names
    assert {row["b"] for row in rows if row["a"] == "both"} == {"tfidf"}
    always = {tuple(row["_always"]) for row in rows}
    assert always == {(), ("both",), ("tfidf",), ("both", "tfidf")}
    shown = TOGETHER["films-pairs"].spec
    none = shown | {"params": [{"name": "shown", "value": []}, shown["params"][1]]}
    drawn = dataclasses.replace(TOGETHER["films-pairs"], spec=none).svg()
    assert ">both<" in drawn and ">tfidf<" in drawn and not [name for name in names if f">{name}<" in drawn]
    assert "both" not in gallery.network_colours(JOINED)
