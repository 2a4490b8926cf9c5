"""What the tables and the page say: the words, the padding, the very values, and nothing from outside."""

import io
import re

import numpy as np
import pytest
import torch
from rich.console import Console
from test_shapes import CLASSES, NETWORKS, VOCABULARY, batch_of, made, row_of

from unroll.networks.batches import Batch
from unroll.networks.classifier import parameter_count
from unroll.networks.embeddings import WordEmbedding
from unroll.networks.spec import Dropout, Embedding
from unroll.shapes.view import SHOWN, View, page, show
from unroll.shapes.walk import Step, loss, trace

WORDS = ("<pad>", "<unk>", *(f"word{index}" for index in range(2, VOCABULARY)))
EVIL = "<b>[red]&\x1b[31m"


def view_of(name: str, *lengths: int, **changes: object) -> View:
    model, batch = made(name), batch_of(*(lengths or (4, 2, 5)))
    batch_words = tuple(
        tuple(WORDS[index] for index in row[:length])
        for row, length in zip(batch.tokens_BL.tolist(), batch.lengths_B.tolist(), strict=True)
    )
    one = row_of(batch, 0)
    view = {
        "network": "a_network",
        "corpus": "a_corpus",
        "origin": "untrained",
        "classes": ("bad", "so so", "good")[:CLASSES],
        "vocabulary": WORDS,
        "batch": batch,
        "batch_words": batch_words,
        "batch_steps": (*trace(model, batch), *loss(model, batch)),
        "text_name": "row 1 of the batch",
        "text_words": batch_words[0],
        "text_steps": (*trace(model, one), *loss(model, one)),
    }
    return View(**view | changes)


def printed(view: View) -> str:
    console = Console(file=io.StringIO(), width=300)
    show(view, console)
    return console.file.getvalue()


def step_of(view: View, name: str) -> Step:
    return next(step for step in view.text_steps if step.name == name)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_shown_in_the_terminal_and_as_a_page(name):
    view = view_of(name)
    said, shown = printed(view), page(view)
    for step in view.batch_steps:
        assert f" {step.name} " in said
        assert f"<h2>{step.name} <span" in shown
        assert step.shape == "one number" or step.shape in said
        assert f">{step.shape}<" in shown
        for weight in step.weights:
            assert f"{weight.name} {'x'.join(map(str, weight.shape))}" in said
            assert f"{weight.name} {' x '.join(map(str, weight.shape))}" in shown
    total = f"{parameter_count(made(name)):,}"
    assert re.search(rf"together .* {total} ", said)
    assert f"{total} trained parameters" in shown


@pytest.mark.parametrize("name", NETWORKS)
def test_the_values_shown_are_the_first_of_the_steps(name):
    view = view_of(name)
    for step in view.text_steps:
        if step.axes not in ("BLE", "BLH", "BH", "BF"):
            continue
        rows = step.values[0] if len(step.axes) == 3 else step.values[0].reshape(len(step.parts), -1)
        found = [[float(cell) for cell in line.cells] for line in view.lines(step)]
        np.testing.assert_allclose(found, rows[:, :SHOWN].tolist(), atol=5.1e-5)
        size = rows.shape[1]
        assert view.cut(step) == (f"the first {SHOWN} of {size:,}" if size > SHOWN else "")
        if len(step.axes) == 3:
            assert [line.label for line in view.lines(step)] == list(view.text_words)


def test_a_student_can_check_the_last_pooling_by_eye():
    view = view_of("every pooling")
    cells = {line.label: line.cells for line in view.lines(step_of(view, "pooling"))}
    assert cells["last, forward"] == view.lines(step_of(view, "layer 3, forward"))[-1].cells
    assert cells["last, backward"] == view.lines(step_of(view, "layer 3, backward"))[0].cells
    assert cells["last, forward"] == view.lines(step_of(view, "layer 3, forward, last state"))[0].cells


def test_ids_stand_beside_their_words_and_what_has_none_is_said_to():
    batch = Batch(
        torch.tensor([[7, 1, VOCABULARY]]), torch.tensor([3]), torch.tensor([0]), True, torch.ones(1, 4)
    )
    model = made("bag")
    model.embedding = WordEmbedding(Embedding(size=4), Dropout(), VOCABULARY)
    [ids, *_] = trace(model, batch)
    view = view_of("bow", text_words=("word7", "kettle", "ladder"), text_steps=(ids,))
    cells = [(line.label, *line.cells) for line in view.lines(ids)]
    assert cells[0] == ("word7", "7")
    assert cells[1] == ("kettle", "1", "reads as <unk>")
    assert cells[2] == ("ladder", "no id, but a pretrained vector of its own")


def test_the_likeliest_next_words_are_named_after_every_word():
    view = view_of("t5_next_word")
    step = step_of(view, "probabilities")
    for place, line in enumerate(view.lines(step)):
        order = step.values[0, place].argsort(descending=True)[:SHOWN].tolist()
        expected = [f"{WORDS[index]} {float(step.values[0, place, index]):.4f}" for index in order]
        assert (line.label, list(line.cells)) == (view.text_words[place], expected)
    assert view.cut(step) == f"the likeliest {SHOWN} of {VOCABULARY}"


def test_classes_are_named_and_shares_of_1_are_drawn():
    view = view_of("lstm")
    lines = view.lines(step_of(view, "probabilities"))
    assert [line.label for line in lines] == list(view.classes)
    assert sum(line.share for line in lines) == pytest.approx(1)
    assert page(view).count("<meter") == CLASSES
    assert all(line.share is None for line in view.lines(step_of(view, "scores")))
    attended = view_of("learned start")
    assert page(attended).count("<meter") == CLASSES + len(attended.text_words)


def test_padding_is_seen_and_counted():
    view = view_of("lstm", 4, 2, 5)
    assert view.padding == "3 x 5 places, 4 of them padding: 27%"
    assert [(len(words), padded) for _, words, padded in view.rows] == [(4, 1), (2, 3), (5, 0)]
    assert view.padding in printed(view)
    assert printed(view).count("<pad>") == 4
    assert page(view).count('class="padding">&lt;pad&gt;') == 4
    even = view_of("lstm", 3, 3)
    assert even.padding == "2 x 3 places, 0 of them padding: 0%"
    assert 'class="padding">' not in page(even)


def test_only_axes_that_occur_are_explained():
    assert list(view_of("bow").legend) == ["B", "L", "E", "F", "C"]
    assert list(view_of("t5_next_word").legend) == ["B", "L", "E", "H", "V"]


def test_a_step_that_the_text_did_not_take_has_no_values():
    view = view_of("lstm")
    without = view_of("lstm", text_steps=view.text_steps[:-1])
    assert view.text_steps[-1].name == "loss"
    assert "for the text:" in page(view)
    assert "for the text:" not in page(without)
    assert page(without).count("<h2>loss") == 1


def test_the_page_needs_nothing_from_outside_and_says_the_same_each_time():
    first = page(view_of("every pooling"))
    assert first == page(view_of("every pooling"))
    assert first.startswith("<!doctype html>")
    assert first.endswith("</html>\n")
    assert not re.search(r"https?:|<script|<link|<img|src=|href=|@import|url\(", first)
    assert "default-src 'none'" in first
    assert "color-scheme: light dark" in first


def test_a_word_commands_neither_the_page_nor_the_terminal():
    words = (EVIL, *view_of("lstm").text_words[1:])
    view = view_of("lstm", text_words=words, batch_words=(words, *view_of("lstm").batch_words[1:]))
    assert "<b>" not in page(view)
    assert "&lt;b&gt;[red]&amp;" in page(view)
    said = printed(view)
    assert "\x1b" not in said
    assert "<b>[red]&�[31m" in said
