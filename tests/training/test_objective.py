"""The loss is cross-entropy over each output; images without a label for an output do not count there."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.metrics import METRICS, score
from mien.recipes import Recipe
from mien.training.objective import Objective

TWO = Recipe(classes=FERPLUS, targets="distribution", further_outputs=("label",), label_smoothing=0.1)
SEEDS = st.integers(0, 10**6)


def dice(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int, k: int, seed: int) -> Tensor:
    return 3 * torch.randn(n, k, generator=dice(seed))


def shares(n: int, k: int, seed: int) -> Tensor:
    """Float [n, k], rows summing to 1."""
    return noise(n, k, seed).softmax(1)


def classes(n: int, k: int, seed: int) -> Tensor:
    return torch.randint(k, (n,), generator=dice(seed))


def one_hot(labels: Tensor, k: int) -> Tensor:
    return F.one_hot(labels, k).float()


@given(n=st.integers(1, 9), smooth=st.floats(0, 0.9), smoothing=st.booleans(), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_loss_of_one_hot_shares_equals_that_of_the_class(n: int, smooth: float, smoothing: bool, seed: int) -> None:
    objective = Objective(Recipe(label_smoothing=smooth))
    logits, labels = noise(n, 7, seed), classes(n, 7, seed + 1)
    expected = F.cross_entropy(logits, labels, label_smoothing=smooth * smoothing)
    hard = objective.loss(logits, labels, training=smoothing)
    soft = objective.loss(logits, one_hot(labels, 7), training=smoothing)
    assert torch.equal(hard, expected)
    assert soft.item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-6)


@given(n=st.integers(1, 9), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_losses_of_outputs_add_up_and_votes_are_never_smoothed(n: int, seed: int) -> None:
    logits, votes, labels = noise(n, 15, seed), shares(n, 8, seed + 1), classes(n, 7, seed + 2)
    for smoothing in (True, False):
        found = Objective(TWO).loss(logits, torch.cat([votes, one_hot(labels, 7)], 1), training=smoothing)
        expected = F.cross_entropy(logits[:, :8], votes) + F.cross_entropy(
            logits[:, 8:], labels, label_smoothing=0.1 * smoothing
        )
        assert found.item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("targets", ["majority", "plurality"])
def test_majority_labels_are_smoothed(targets: str) -> None:
    objective = Objective(Recipe(classes=FERPLUS, targets=targets, further_outputs=("label",), label_smoothing=0.1))  # type: ignore[arg-type]
    logits, labels = noise(5, 15, 0), classes(5, 8, 1)
    found = objective.loss(logits, torch.cat([one_hot(labels, 8), torch.zeros(5, 7)], 1), training=True)
    assert found.item() == pytest.approx(F.cross_entropy(logits[:, :8], labels, label_smoothing=0.1).item(), rel=1e-5)


@given(n=st.integers(2, 9), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_an_output_without_a_label_adds_no_loss_and_no_gradient(n: int, seed: int) -> None:
    logits = noise(n, 15, seed).requires_grad_()
    targets = torch.cat([shares(n, 8, seed + 1), one_hot(classes(n, 7, seed + 2), 7)], 1)
    targets[0, :8] = 0  # the first image without votes, the last without a label
    targets[-1, 8:] = 0
    objective = Objective(TWO)
    found = objective.loss(logits, targets, training=True)
    known = F.cross_entropy(logits[1:, :8], targets[1:, :8]) + F.cross_entropy(
        logits[:-1, 8:], targets[:-1, 8:].argmax(1), label_smoothing=0.1
    )
    assert found.item() == pytest.approx(known.item() * (n - 1) / n, rel=1e-4)  # the mean is over all images
    (slopes,) = torch.autograd.grad(found, logits)
    assert not slopes[0, :8].any()
    assert not slopes[-1, 8:].any()
    assert slopes[0, 8:].any()
    assert slopes[-1, :8].any()
    assert objective.loss(logits, torch.zeros(n, 15), training=True).item() == 0


@given(n=st.integers(1, 9), heat=st.floats(0.5, 8), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_divergence_is_zero_for_equal_logits_and_positive_otherwise(n: int, heat: float, seed: int) -> None:
    objective = Objective(replace(TWO, distill=0.5, distill_temperature=heat))
    logits, other = noise(n, 15, seed), noise(n, 15, seed + 1)
    assert objective.divergence(logits, [logits, logits]).item() == pytest.approx(0, abs=1e-4)
    moved = logits.clone()
    moved[:, :8] += 3.0  # what is the same for all classes of an output says nothing
    assert objective.divergence(moved, [logits]).item() == pytest.approx(0, abs=1e-4)
    assert objective.divergence(logits, [other]).item() > 1e-3


def test_divergence_from_the_mean_of_the_teachers_by_hand() -> None:
    objective = Objective(replace(TWO, distill=0.5, distill_temperature=3.0))
    logits, teachers = noise(4, 15, 0), [noise(4, 15, 1), noise(4, 15, 2)]
    expected = 0.0
    for block in (slice(0, 8), slice(8, 15)):
        wanted = sum((teacher[:, block] / 3).softmax(1) for teacher in teachers) / 2
        answer = (logits[:, block] / 3).softmax(1)
        expected += 9 * float((wanted * (wanted / answer).log()).sum()) / 4
    assert objective.divergence(logits, teachers).item() == pytest.approx(expected, rel=1e-4)


def test_hits_are_counted_for_each_output_over_its_labelled_images() -> None:
    answers = torch.tensor([[1, 2], [1, 2], [3, 2], [4, 0]])  # of the eight, of the seven
    logits = torch.cat([one_hot(answers[:, 0], 8), one_hot(answers[:, 1], 7)], 1)
    targets = torch.zeros(4, 15)
    targets[0, [1, 0]] = torch.tensor([0.6, 0.4])  # right
    targets[1, [1, 5]] = torch.tensor([0.3, 0.7])  # wrong
    targets[2, 3] = 1  # right; the last has no votes
    targets[[0, 3], [8 + 2, 8 + 0]] = 1  # right, right; the others have no label
    assert Objective(TWO).hits(logits, targets).tolist() == [[2, 3], [2, 2]]
    hard = Objective(Recipe(classes=FER2013)).hits(logits[:, 8:], torch.tensor([2, 2, 1, 0]))
    assert hard.tolist() == [[3, 4]]


def test_an_unlabelled_image_is_no_hit_even_for_the_first_class() -> None:
    logits = torch.zeros(3, 15)
    logits[:, [0, 8]] = 9.0  # an argmax over zeros is the first class too
    assert Objective(TWO).hits(logits, torch.zeros(3, 15)).tolist() == [[0, 0], [0, 0]]


@given(n=st.integers(1, 9), smooth=st.floats(0, 0.9), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_class_weights_multiply_each_image_s_loss_in_training_alone(n: int, smooth: float, seed: int) -> None:
    logits, labels, weights = noise(n, 7, seed), classes(n, 7, seed + 1), torch.rand(7, generator=dice(seed)) * 9
    objective, plain = (Objective(Recipe(label_smoothing=smooth), given) for given in (weights, None))
    losses = F.cross_entropy(logits, labels, label_smoothing=smooth, reduction="none")
    expected = (losses * weights[labels]).sum().item() / n  # Keras: over the images, not over their weights
    for targets in (labels, one_hot(labels, 7)):
        found = objective.loss(logits, targets, training=True)
        assert found.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
        unweighted = [one.loss(logits, targets, training=False) for one in (objective, plain)]
        assert torch.equal(*unweighted)


def test_class_weights_are_of_the_primary_output_and_of_each_share_of_votes() -> None:
    logits, votes, labels, weights = noise(5, 15, 0), shares(5, 8, 1), classes(5, 7, 2), torch.arange(8.0)
    targets = torch.cat([votes, one_hot(labels, 7)], 1)
    found = Objective(replace(TWO, label_smoothing=0), weights).loss(logits, targets, training=True)
    expected = F.cross_entropy(logits[:, :8], votes, weight=weights) + F.cross_entropy(logits[:, 8:], labels)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_figures_of_the_primary_output_are_those_of_evaluate() -> None:
    logits, labels = noise(40, 15, 0), classes(40, 7, 2)
    names = [name for name in METRICS if name not in ("accuracy", "kl")]
    scores = score(logits[:, :7].softmax(1).numpy(), labels.numpy(), FER2013).metrics
    found = Objective(Recipe()).metrics(logits[:, :7], labels)
    assert found == pytest.approx({name: scores[name] for name in names}, rel=1e-5)
    both = Recipe(further_outputs=("distribution",))
    targets = torch.cat([one_hot(labels, 7), shares(40, 8, 3)], 1)
    targets[7, :7] = 0  # no label
    known = torch.arange(40) != 7
    scores = score(logits[known, :7].softmax(1).numpy(), labels[known].numpy(), FER2013).metrics
    assert Objective(both).metrics(logits, targets) == pytest.approx({name: scores[name] for name in names}, rel=1e-5)


def test_votes_have_their_divergence_too() -> None:
    logits, votes = noise(40, 15, 0), shares(40, 8, 3)
    found = Objective(TWO).metrics(logits, torch.cat([votes, torch.zeros(40, 7)], 1))
    assert found["kl"] == pytest.approx(score(logits[:, :8].softmax(1).numpy(), votes.numpy(), FERPLUS).metrics["kl"])
    assert Objective(TWO).metrics(logits, torch.zeros(40, 15)) == {}  # nothing to score


def test_logit_adjustment_leaves_the_network_logits_for_even_shares() -> None:
    recipe = Recipe(classes=("a", "b"), logit_adjust=True)
    objective = Objective(recipe)
    shares = torch.tensor([0.9, 0.1])
    targets = torch.cat([torch.tensor([[0.9, 0.1]]), shares.log()[None]], dim=1)  # the face says nothing of its class
    raw = torch.zeros(1, 2, requires_grad=True)
    logits, plain = objective.adjusted(raw, targets)
    (slope,) = torch.autograd.grad(objective.loss(logits, plain, training=False), raw)
    assert torch.allclose(slope, torch.zeros(1, 2), atol=1e-6)  # the best answer is even
    assert torch.equal(plain, torch.tensor([[0.9, 0.1]]))
