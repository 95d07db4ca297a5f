"""Logits scaled so that probabilities mean what they say, by one temperature or by a scale and a bias per class.

Both are logistic regressions on the logits, convex in 1 / temperature and in (scale, bias): a bisection of the slope
and Newton's method find their minimum, so that nothing but numpy is needed.
"""

import numpy as np
from numpy.typing import NDArray

COLDEST, HOTTEST = 0.25, 4.0  # temperatures; where the answers are all right or all wrong there is no best one
PULL = 10.0  # of vector scaling towards the temperature, in faces; LOG.md, 2026-11-21
STEPS = 100
GAIN = 1e-10  # nats per face: Newton's steps that promise less are not made


def temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return what logits are to be divided by for the least log loss (Guo et al. 2017), 0.25 to 4; 1 for no faces.

    Args:
        logits: [n, k].
        labels: int [n], 0..k-1.
    """
    if not len(labels):
        return 1.0
    centred = _centred(logits)
    chosen = centred[np.arange(len(labels)), labels].mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(50):  # the slope over 1 / temperature only ever rises
        middle = (low + high) / 2
        rises = (_softmax(centred * middle) * centred).sum(axis=1).mean() > chosen
        low, high = (low, middle) if rises else (middle, high)
    return float(np.clip(2 / (low + high), COLDEST, HOTTEST).round(12))


def vector(
    logits: NDArray[np.float32], labels: NDArray[np.int64], *, pull: float = PULL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scale [k] and the bias [k] for the least log loss of softmax(scale * logits + bias) (Guo et al. 2017).

    Added to the loss, summed over the faces, is pull / 2 * (|heat * scale - 1|^2 + |bias|^2) with the best temperature
    `heat`: for a class with few faces the scale stays near 1 / heat, the bias near 0.

    Args:
        logits: [n, k].
        labels: int [n], 0..k-1, n > 0.
        pull: above 0.
    """
    n, k = logits.shape
    heat = temperature(logits, labels)
    x, y = logits.astype(np.float64) / heat, np.eye(k)[labels]
    start = np.concatenate([np.ones(k), np.zeros(k)])  # scale, bias
    found, cost = start, np.inf
    for _ in range(STEPS):
        z = x * found[:k] + found[k:]
        cost = _loss(z, labels) + pull / 2 * float(((found - start) ** 2).sum())
        p = _softmax(z)
        slope = np.concatenate([((p - y) * x).sum(axis=0), (p - y).sum(axis=0)]) + pull * (found - start)
        px = p * x
        corner = np.diag(px.sum(axis=0)) - px.T @ p
        curve = np.block(
            [[np.diag((px * x).sum(axis=0)) - px.T @ px, corner], [corner.T, np.diag(p.sum(axis=0)) - p.T @ p]]
        )
        step = np.linalg.solve(curve + pull * np.eye(2 * k), slope)
        promised = float(slope @ step)  # twice what a step lowers the cost by, where it is a parabola
        if promised < GAIN * n:
            break
        length = 1.0
        while length > 1e-9:
            tried = found - length * step
            if (
                _loss(x * tried[:k] + tried[k:], labels) + pull / 2 * float(((tried - start) ** 2).sum())
                <= cost - 0.1 * length * promised
            ):
                break
            length /= 2
        found = found - length * step
    return found[:k] / heat, found[k:]


def _centred(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))


def _softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _loss(z: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    most = z.max(axis=1)
    return float((np.log(np.exp(z - most[:, None]).sum(axis=1)) + most - z[np.arange(len(labels)), labels]).sum())
