"""What other test rows, or answers swapped between two networks, would have given.

Counts are sums of 0 and 1 and exact in float32 up to 2^24 rows; everything else is rounded once, to
multiples of a power of two so small that no sum of them rounds again. So neither the order of a sum nor
the processor that chooses it changes a bit.

Axes: K networks, S seeds, R runs (K x S), N rows, C classes, B resamples, M of them at once, P pairs.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from unroll import metrics

CELLS = 2**22
"""Weights held at once: 16 MB in single and 32 MB in double precision."""
TIE = 1e-12
"""Statistics no further apart than this differ by rounding alone."""

Pairs = Sequence[tuple[int, int]]
"""Places of two networks on the axis K."""


def bootstrap_classes(
    probabilities_KSNC: np.ndarray, labels_N: np.ndarray, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Return values_BKS of every metric of metrics.py on rows drawn with replacement (Efron 1979).

    All runs are read on the same draws, so that the difference of two is a paired one (Berg-Kirkpatrick
    et al. 2012, EMNLP). A class that a draw lacks counts there as in metrics.py.
    """
    networks, seeds, rows, _ = probabilities_KSNC.shape
    answers = _answers(probabilities_KSNC, labels_N)
    names = ("accuracy", "macro_recall", "macro_f1", "loss", "ece")
    values = {name: np.empty((resamples, networks * seeds)) for name in names}
    for place, weights_MN in _draws(rows, resamples, seed):
        hits_CMR, said_CMR = answers.hits(weights_MN), answers.said(weights_MN)
        true_CM1 = np.stack([weights_MN[:, span].sum(axis=1, keepdims=True) for span in answers.spans])
        wide_MN = weights_MN.astype(np.float64)
        values["accuracy"][place] = hits_CMR.sum(axis=0) / rows
        values["macro_recall"][place] = _macro(hits_CMR, true_CM1)
        values["macro_f1"][place] = _macro(2 * hits_CMR, true_CM1 + said_CMR)
        values["loss"][place] = wide_MN @ answers.nats_RN.T / rows
        values["ece"][place] = sum(np.abs(wide_MN @ gap_RN.T) for gap_RN in answers.gaps_RN) / rows
    return {name: found.reshape(resamples, networks, seeds) for name, found in values.items()}


def bootstrap_words(
    nats_KSN: np.ndarray, words_N: np.ndarray, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Return values_BKS of perplexity and loss a word; rows are drawn, a row's words stay together."""
    networks, seeds, rows = nats_KSN.shape
    nats_RN = _exact(nats_KSN.reshape(networks * seeds, rows), rows)
    loss_BR = np.empty((resamples, networks * seeds))
    for place, weights_MN in _draws(rows, resamples, seed):
        wide_MN = weights_MN.astype(np.float64)
        loss_BR[place] = wide_MN @ nats_RN.T / (wide_MN @ words_N)[:, None]
    loss_BKS = loss_BR.reshape(resamples, networks, seeds)
    return {"perplexity": np.exp(loss_BKS), "loss": loss_BKS}


def approximate_randomisation(
    probabilities_KSNC: np.ndarray, labels_N: np.ndarray, pairs: Pairs, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Return p_P of macro recall, macro F1 and loss: can chance of the rows make such a difference?

    Were two networks alike, their answers to a row could change places (Noreen 1989, chapter 2; Yeh 2000,
    COLING). Each resample swaps or keeps each row's, those of all seeds together; the statistic is the
    difference of the means over seeds; p = (1 + as far out as observed) / (1 + resamples). It takes the
    trained networks as they are: of other seeds it says nothing.
    """
    networks, seeds, rows, classes = probabilities_KSNC.shape
    answers = _answers(probabilities_KSNC, labels_N)
    nats_KN = _exact(answers.nats_RN.reshape(networks, seeds, rows).sum(axis=1), rows)
    true_C11 = np.array([span.stop - span.start for span in answers.spans]).reshape(-1, 1, 1)

    def counted(weights_MN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shape = (classes, len(weights_MN), networks, seeds)
        return answers.hits(weights_MN).reshape(shape), answers.said(weights_MN).reshape(shape)

    totals = counted(np.ones((1, rows), np.float32))
    names = ("macro_recall", "macro_f1", "loss")
    statistics = {name: np.empty((1 + resamples, len(pairs))) for name in names}
    for place, signs_MN in _signs(rows, resamples, seed):
        # A swap turns the sign of a row's share in every count: one product serves all pairs.
        signed = counted(signs_MN)
        recall_MK = _macro(signed[0].sum(axis=3), true_C11) / seeds
        loss_MK = signs_MN.astype(np.float64) @ nats_KN.T / (seeds * rows)
        for column, (one, other) in enumerate(pairs):
            ours_M = _swapped_f1(totals, signed, true_C11, one, other)
            theirs_M = _swapped_f1(totals, signed, true_C11, other, one)
            statistics["macro_recall"][place, column] = recall_MK[:, one] - recall_MK[:, other]
            statistics["macro_f1"][place, column] = ours_M - theirs_M
            statistics["loss"][place, column] = loss_MK[:, one] - loss_MK[:, other]
    return {name: _two_sided(found_BP) for name, found_BP in statistics.items()}


def approximate_randomisation_words(
    nats_KSN: np.ndarray, words_N: np.ndarray, pairs: Pairs, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Return p_P of perplexity and loss a word, by the test of `approximate_randomisation`."""
    networks, seeds, rows = nats_KSN.shape
    nats_RN = _exact(nats_KSN.reshape(networks * seeds, rows), 4 * rows)
    totals_11KS, words = nats_RN.sum(axis=1).reshape(1, 1, networks, seeds), words_N.sum()
    statistics = {name: np.empty((1 + resamples, len(pairs))) for name in ("perplexity", "loss")}
    for place, signs_MN in _signs(rows, resamples, seed):
        signed_1MKS = (signs_MN.astype(np.float64) @ nats_RN.T).reshape(1, -1, networks, seeds)
        for column, (one, other) in enumerate(pairs):
            ours_MS = _swapped(totals_11KS, signed_1MKS, one, other)[0] / words
            theirs_MS = _swapped(totals_11KS, signed_1MKS, other, one)[0] / words
            statistics["loss"][place, column] = (ours_MS - theirs_MS).mean(axis=1)
            statistics["perplexity"][place, column] = (np.exp(ours_MS) - np.exp(theirs_MS)).mean(axis=1)
    return {name: _two_sided(found_BP) for name, found_BP in statistics.items()}


class _Answers(NamedTuple):
    """What all runs answered, sorted by class: the rows of a class are a slice."""

    spans: list[slice]
    said_CRN: np.ndarray
    right_RN: np.ndarray
    nats_RN: np.ndarray
    gaps_RN: list[np.ndarray]
    """For each calibration bin in use: confidence less correctness of the rows in it, 0 of all others."""

    def hits(self, weights_MN: np.ndarray) -> np.ndarray:
        """Return counts_CMR of right answers, by the class that was right."""
        products = [weights_MN[:, span] @ self.right_RN[:, span].T for span in self.spans]
        return np.stack(products).astype(np.float64)

    def said(self, weights_MN: np.ndarray) -> np.ndarray:
        """Return counts_CMR of answers, by the class that was answered."""
        return np.stack([weights_MN @ said_RN.T for said_RN in self.said_CRN]).astype(np.float64)


def _answers(probabilities_KSNC: np.ndarray, labels_N: np.ndarray) -> _Answers:
    rows, classes = probabilities_KSNC.shape[2:]
    order_N = np.argsort(labels_N, kind="stable")
    labels_N = labels_N[order_N]
    ends = np.searchsorted(labels_N, np.arange(classes + 1)).tolist()
    runs = [run_NC[order_N] for run_NC in probabilities_KSNC.reshape(-1, rows, classes)]
    predicted_RN = np.stack([run_NC.argmax(axis=1) for run_NC in runs])
    confidence_RN = np.stack([run_NC.max(axis=1) for run_NC in runs])
    right_RN = (predicted_RN == labels_N).astype(np.float32)
    bins_RN = metrics.calibration_bins(confidence_RN)
    gaps_RN = _exact(confidence_RN - right_RN, rows)
    return _Answers(
        [slice(start, end) for start, end in pairwise(ends)],
        np.stack([predicted_RN == label for label in range(classes)]).astype(np.float32),
        right_RN,
        _exact(np.stack([metrics.nats(run_NC, labels_N) for run_NC in runs]), rows),
        [np.where(bins_RN == place, gaps_RN, 0.0) for place in np.unique(bins_RN)],
    )


def _macro(hits_CX: np.ndarray, support_CX: np.ndarray) -> np.ndarray:
    """Return the mean share of hits over the classes that have support."""
    occurs_CX = support_CX > 0
    shares_CX = hits_CX / np.where(occurs_CX, support_CX, 1)
    return shares_CX.sum(axis=0) / occurs_CX.sum(axis=0)


def _swapped(totals_C1KS: np.ndarray, signed_CMKS: np.ndarray, one: int, other: int) -> np.ndarray:
    """Return counts_CMS of `one`, had `other` given its answers to the rows of sign -1."""
    kept_CMS = totals_C1KS[:, :, one] + signed_CMKS[:, :, one]
    taken_CMS = totals_C1KS[:, :, other] - signed_CMKS[:, :, other]
    return (kept_CMS + taken_CMS) / 2


def _swapped_f1(
    totals: tuple[np.ndarray, np.ndarray],
    signed: tuple[np.ndarray, np.ndarray],
    true_C11: np.ndarray,
    one: int,
    other: int,
) -> np.ndarray:
    hits_CMS, said_CMS = (_swapped(*counts, one, other) for counts in zip(totals, signed, strict=True))
    return _macro(2 * hits_CMS, true_C11 + said_CMS).mean(axis=1)


def _two_sided(statistics_BP: np.ndarray) -> np.ndarray:
    """Return p_P; the first line is what was observed, and counts as one of those as far out."""
    far_P = np.abs(statistics_BP[0]) - TIE
    return (np.abs(statistics_BP) >= far_P).mean(axis=0)


def _exact(values: np.ndarray, terms: int) -> np.ndarray:
    """Round to multiples of a power of two of which `terms` add up to less than 2^52: no such sum rounds."""
    _, exponent = math.frexp(float(np.abs(values).max()) * terms)
    return np.ldexp(np.rint(np.ldexp(values, 52 - exponent)), exponent - 52)


def _draws(rows: int, resamples: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield places in B and weights_MN: how often a draw of N rows with replacement has each of them."""
    generator = np.random.Generator(np.random.PCG64(seed))
    for place in _chunks(rows, resamples):
        weights_MN = np.empty((place.stop - place.start, rows), np.float32)
        for weights_N in weights_MN:
            weights_N[:] = np.bincount(generator.integers(rows, size=rows), minlength=rows)
        yield place, weights_MN


def _signs(rows: int, resamples: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield places in 1 + B and signs_MN; the first line of all swaps nothing."""
    generator = np.random.Generator(np.random.PCG64(seed))
    for place in _chunks(rows, 1 + resamples):
        signs_MN = np.empty((place.stop - place.start, rows), np.float32)
        for signs_N in signs_MN:
            bits_N = np.unpackbits(np.frombuffer(generator.bytes(-(-rows // 8)), np.uint8), count=rows)
            signs_N[:] = 1 - 2 * bits_N.astype(np.float32)
        if place.start == 0:
            signs_MN[0] = 1
        yield place, signs_MN


def _chunks(rows: int, resamples: int) -> Iterator[slice]:
    size = max(1, CELLS // rows)
    for start in range(0, resamples, size):
        yield slice(start, min(start + size, resamples))
