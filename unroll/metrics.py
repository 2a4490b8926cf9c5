"""Pure functions from probabilities and labels to figures.

numpy alone, because a training stage computes them after every epoch and scikit-learn's import
takes a second; the tests hold each against scikit-learn. Axes: N rows, C classes.
"""

import numpy as np

CALIBRATION_BINS = 15


def confusion(predicted_N: np.ndarray, labels_N: np.ndarray, classes: int) -> np.ndarray:
    """Return counts_CC: true class by row, predicted class by column."""
    return np.bincount(labels_N * classes + predicted_N, minlength=classes**2).reshape(classes, classes)


def accuracy(counts_CC: np.ndarray) -> float:
    return float(counts_CC.trace() / counts_CC.sum())


def macro_recall(counts_CC: np.ndarray) -> float:
    """Mean recall over the classes that occur among the labels."""
    true_C = counts_CC.sum(axis=1)
    occurs_C = true_C > 0
    return float((counts_CC.diagonal()[occurs_C] / true_C[occurs_C]).mean())


def macro_f1(counts_CC: np.ndarray) -> float:
    """Mean F1 over the classes that occur among labels or predictions; 0 for one never hit."""
    support_C = counts_CC.sum(axis=1) + counts_CC.sum(axis=0)
    occurs_C = support_C > 0
    return float((2 * counts_CC.diagonal()[occurs_C] / support_C[occurs_C]).mean())


def nats(probabilities_NC: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    """Each row's negative log probability of its label; probabilities are cut at 1e-12."""
    chosen_N = probabilities_NC[np.arange(len(labels_N)), labels_N]
    return -np.log(np.maximum(chosen_N, 1e-12))


def cross_entropy(probabilities_NC: np.ndarray, labels_N: np.ndarray) -> float:
    return float(nats(probabilities_NC, labels_N).mean())


def calibration_bins(confidence_N: np.ndarray) -> np.ndarray:
    """Return each row's bin, 0 to 14; full confidence lies in the last."""
    return np.minimum((confidence_N * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)


def expected_calibration_error(probabilities_NC: np.ndarray, labels_N: np.ndarray) -> float:
    """Mean distance between confidence and accuracy over 15 bins of equal width (Guo et al. 2017)."""
    confidence_N = probabilities_NC.max(axis=1)
    correct_N = probabilities_NC.argmax(axis=1) == labels_N
    bins_N = calibration_bins(confidence_N)
    gap = np.bincount(bins_N, weights=confidence_N - correct_N, minlength=CALIBRATION_BINS)
    return float(np.abs(gap).sum() / len(labels_N))


def all_metrics(probabilities_NC: np.ndarray, labels_N: np.ndarray) -> dict[str, float]:
    counts_CC = confusion(probabilities_NC.argmax(axis=1), labels_N, probabilities_NC.shape[1])
    return {
        "accuracy": accuracy(counts_CC),
        "macro_recall": macro_recall(counts_CC),
        "macro_f1": macro_f1(counts_CC),
        "loss": cross_entropy(probabilities_NC, labels_N),
        "ece": expected_calibration_error(probabilities_NC, labels_N),
    }
