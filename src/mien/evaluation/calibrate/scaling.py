"""Scaling of logits for calibrated probabilities: by one temperature, or by a scale and a bias per class.

Both are logistic regressions on the logits, convex in 1 / temperature and in (scale, bias). A bisection finds the
temperature, so that a training run needs no SciPy; SciPy fits scale and bias.
"""

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import needs_extra

LOWEST, HIGHEST = 0.25, 4.0  # temperatures; there is no best one where the predictions are all right or all wrong
PENALTY = 10.0  # of vector scaling towards the temperature, in faces; LOG.md, 2026-11-21

Floats = NDArray[np.float64]


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the temperature that gives softmax(logits / temperature) the least log loss (Guo et al. 2017).

    Args:
        logits: [n, k].
        labels: int [n], 0..k-1.

    Returns:
        0.25 to 4; 1 for no faces.
    """
    if not len(labels):
        return 1.0
    centred = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    observed = centred[np.arange(len(labels)), labels].mean()
    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(50):  # the slope over 1 / temperature only ever rises
        middle = (low + high) / 2
        powers = np.exp(centred * middle)
        rises = (powers / powers.sum(axis=1, keepdims=True) * centred).sum(axis=1).mean() > observed
        low, high = (low, middle) if rises else (middle, high)
    return float(np.clip(2 / (low + high), LOWEST, HIGHEST).round(12))


def fit_vector(
    logits: NDArray[np.float32], labels: NDArray[np.int64], *, penalty: float = PENALTY
) -> tuple[Floats, Floats]:
    """Return the scale [k] and the bias [k] that give softmax(scale * logits + bias) the least loss (Guo et al. 2017).

    The loss is the log loss summed over the faces + penalty / 2 * (|temperature * scale - 1|^2 + |bias|^2), with the
    best temperature: for a class with few faces the scale stays near 1 / temperature, the bias near 0.

    Args:
        logits: [n, k].
        labels: int [n], 0..k-1, n > 0.
        penalty: above 0.

    Raises:
        MissingExtra: no SciPy.
    """
    with needs_extra("eval", "vector scaling"):
        from scipy.optimize import minimize
        from scipy.special import log_softmax
    n, k = logits.shape
    temperature = fit_temperature(logits, labels)
    x, y = logits.astype(np.float64) / temperature, np.eye(k)[labels]
    start = np.concatenate([np.ones(k), np.zeros(k)])  # scale * temperature, bias

    def loss(found: Floats) -> tuple[float, Floats]:
        logs = log_softmax(x * found[:k] + found[k:], axis=1)
        errors = np.exp(logs) - y
        slope = np.concatenate([(errors * x).sum(axis=0), errors.sum(axis=0)])
        away = found - start
        return float(penalty / 2 * (away**2).sum() - logs[np.arange(n), labels].sum()), slope + penalty * away

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-8}).x
    return found[:k] / temperature, found[k:]
