"""(seed, epoch, step) alone decides a batch: for any start, any number of processes, any layout of the source."""

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mien.core import images
from mien.core.errors import InputError
from mien.datasets import Samples
from mien.recipes import RECIPES, Recipe
from mien.training.augment import prepare
from mien.training.batches import Batch, Batches, Prepare, Scaling, denormalise, normalise, steps_of_epoch, total_steps
from tests import drawn

CPU = torch.device("cpu")


def marked(n: int) -> Samples:
    """Samples of 1 x 1 pixel, known by their value, whose label is the value modulo 7."""
    values = np.arange(n)
    return replace(
        drawn.faces(0),
        images=values.astype(np.uint8).reshape(n, 1, 1),
        labels=values % 7,
        ids=values.astype(str),
    )


def batches(samples: Samples, batch: int, **more: Any) -> Batches:
    channels = 1 if samples.images.ndim == 3 else 3
    scaling = Scaling((0.0,) * channels, (1.0,) * channels)
    return Batches(samples.images, samples.labels, batch, CPU, **{"scaling": scaling, **more})


def plain(images: Tensor, targets: Tensor, _: torch.Generator) -> tuple[Tensor, Tensor]:
    return images, targets


def prepared(recipe: Recipe) -> Prepare:
    """What a learner does to the batches of a recipe."""
    return lambda images, targets, generator: prepare(images, targets, recipe, generator, small=False)


def values(faces: Tensor) -> list[int]:
    return [round(value * 255) for value in faces.flatten().tolist()]


@given(n=st.integers(2, 200), batch=st.integers(2, 64), epoch=st.integers(0, 50), seed=st.integers(0, 2**63))
@settings(max_examples=60, deadline=None)
def test_an_epoch_has_each_image_at_most_once_in_full_batches(n: int, batch: int, epoch: int, seed: int) -> None:
    part = batches(marked(n), batch, seed=seed)
    seen: Counter[int] = Counter()
    for faces, labels, _ in part.training(epoch, plain):
        assert faces.shape == (min(batch, n), 1, 1, 1)
        assert [value % 7 for value in values(faces)] == labels.tolist()
        seen.update(values(faces))
    assert max(seen.values()) == 1
    assert len(seen) == part.steps * part.batch
    assert n - len(seen) < batch


@given(n=st.integers(2, 200), batch=st.integers(2, 64), world=st.sampled_from([1, 2]))
@settings(max_examples=60, deadline=None)
def test_the_last_step_may_be_smaller(n: int, batch: int, world: int) -> None:
    batch -= batch % world
    parts = [batches(marked(n), batch, drop_last=False, rank=rank, world=world) for rank in range(world)]
    if parts[0].batch % world:
        return  # a set of odd size, smaller than a batch, which the processes cannot share
    taken = [[values(faces) for faces, *_ in part.training(0, plain)] for part in parts]
    every = [value for share in taken for step in share for value in step]
    assert len(every) == len(set(every)) == parts[0].seen(parts[0].steps)
    assert n - len(every) < 2 * world
    assert len({len(share[-1]) for share in taken}) == 1  # as many for each process
    assert all(len(step) == parts[0].batch // world for share in taken for step in share[:-1])
    assert parts[0].steps == total_steps(Recipe(batch=batch, epochs=1, drop_last=False), n, world=world)


def test_the_published_sets_have_as_many_batches_as_published() -> None:
    assert steps_of_epoch(28_821, 32, drop_last=False) == 901
    assert steps_of_epoch(28_821, 32, drop_last=True) == 900
    assert steps_of_epoch(65, 64, drop_last=False) == 1  # one image is too few for batch norm


def test_the_left_over_images_change_with_the_epoch() -> None:
    part = batches(marked(10), 8)
    unseen = {
        epoch: set(range(10)) - {value for faces, *_ in part.training(epoch, plain) for value in values(faces)}
        for epoch in range(10)
    }
    assert len(set().union(*unseen.values())) > 4


def orders(part: Batches, epoch: int, start: int = 0) -> list[list[int]]:
    return [values(faces) for faces, *_ in part.training(epoch, plain, start=start)]


def test_seed_and_epoch_decide_the_order() -> None:
    assert orders(batches(marked(64), 8, seed=1), 3) == orders(batches(marked(64), 8, seed=1), 3)
    different = [orders(batches(marked(64), 8, seed=seed), epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({str(order) for order in different}) == 4


@pytest.mark.parametrize("start", [0, 1, 4, 7, 8])
def test_an_epoch_resumed_later_has_the_same_remaining_steps(start: int) -> None:
    recipe = RECIPES["mien"]
    part = batches(drawn.faces(64), 8, seed=3)
    work = partial(part.training, 2, prepared(recipe))
    late, whole = list(work(start=start)), list(work())[start:]
    assert len(late) == 8 - start
    for one, other in zip(late, whole, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.targets, other.targets)
        assert one.seed == other.seed


@pytest.mark.parametrize("world", [2, 4])
def test_the_batches_of_several_processes_are_those_of_one(world: int) -> None:
    recipe = RECIPES["mien"]
    samples = drawn.faces(50)

    def epoch(rank: int, world: int) -> list[Batch]:
        return list(batches(samples, 8, seed=3, rank=rank, world=world).training(1, prepared(recipe)))

    whole, shares = epoch(0, 1), [epoch(rank, world) for rank in range(world)]
    for step, (faces, labels, _) in enumerate(whole):
        for rank in range(world):
            assert torch.equal(shares[rank][step].images, faces[rank::world])
            assert torch.equal(shares[rank][step].targets, labels[rank::world])


def test_every_step_and_process_has_a_seed_of_its_own() -> None:
    parts = [batches(marked(32), 8, seed=3, rank=rank, world=2) for rank in range(2)]
    seeds = [batch.seed for part in parts for epoch in range(2) for batch in part.training(epoch, plain)]
    assert len(set(seeds)) == len(seeds) == 16


@given(n=st.integers(2, 60), world=st.integers(1, 5), batch=st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_processes_share_all_validation_images(n: int, world: int, batch: int) -> None:
    seen: list[int] = []
    for rank in range(world):
        for faces, labels in batches(marked(n), 8, rank=rank, world=world).in_order(batch=batch):
            assert len(faces) <= batch
            assert [value % 7 for value in values(faces)] == labels.tolist()
            seen += values(faces)
    assert sorted(seen) == list(range(n))


def test_validation_images_come_in_order() -> None:
    assert [value for faces, _ in batches(marked(20), 8).in_order(batch=6) for value in values(faces)] == list(
        range(20)
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_normalise_equals_images_scale(channels: int) -> None:
    samples = drawn.faces(9, channels=channels)
    scaling = Scaling((0.5, 0.4, 0.3)[:channels], (0.2, 0.25, 0.3)[:channels])
    found = torch.cat([faces for faces, _ in batches(samples, 4, scaling=scaling).in_order(batch=4)])
    assert np.allclose(found.numpy(), images.scale(samples.images, *scaling), atol=1e-6)
    ones = torch.ones(2, channels, 3, 3)
    assert torch.allclose(normalise(ones, scaling)[0, 0], torch.tensor((1 - 0.5) / 0.2))
    assert torch.allclose(denormalise(normalise(ones, scaling), scaling), ones)


def test_grey_images_in_three_channels_are_stored_once() -> None:
    grey = drawn.faces(20)
    repeated = replace(grey, images=np.repeat(grey.images[..., None], 3, axis=-1))
    assert batches(repeated, 8).images.shape == (20, 48, 48, 1)
    assert batches(drawn.faces(20, channels=3), 8).images.shape == (20, 48, 48, 3)
    scaling = Scaling((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    part = batches(repeated, 8, scaling=scaling)
    assert np.allclose(next(part.in_order(batch=20))[0].numpy(), images.scale(repeated.images, *scaling), atol=1e-6)
    faces = next(part.training(0, plain)).images
    assert faces.shape == (8, 3, 48, 48)
    almost = repeated.images.copy()
    almost[7, 3, 3, 2] ^= 1  # one pixel of one image has a colour
    assert batches(replace(repeated, images=almost), 8).images.shape == (20, 48, 48, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_training_batches_have_their_channels_last(channels: int) -> None:
    faces = next(batches(drawn.faces(16, channels=channels), 8).training(0, plain)).images
    assert faces.is_contiguous(memory_format=torch.channels_last)
    assert faces.dtype == torch.float32


def test_targets_may_be_distributions_of_votes() -> None:
    samples = replace(drawn.faces(14), labels=np.eye(7, dtype=np.float32)[np.arange(14) % 7])
    labels = next(batches(samples, 7).training(0, plain)).targets
    assert labels.shape == (7, 7)
    assert labels.dtype == torch.float32


@pytest.mark.parametrize("start", [0, 3])
def test_images_are_prepared_before_they_are_scaled_and_with_their_targets(start: int) -> None:
    samples = replace(marked(30), labels=np.eye(7, dtype=np.float32)[np.arange(30) % 7])
    seen: list[tuple[Tensor, Tensor]] = []

    def spy(faces: Tensor, targets: Tensor, _: torch.Generator) -> tuple[Tensor, Tensor]:
        seen.append((faces.clone(), targets.clone()))
        return faces * 0 + 0.25, targets * 0.5

    part = batches(samples, 8, scaling=Scaling((0.5,), (0.125,)))
    found = list(part.training(1, spy, start=start))
    assert len(found) == len(seen) == 3 - start
    for (faces, targets, _), (before, whole) in zip(found, seen, strict=True):
        assert [value % 7 for value in values(before)] == whole.argmax(1).tolist()
        assert torch.equal(faces, torch.full((8, 1, 1, 1), -2.0))  # (0.25 - 0.5) / 0.125
        assert torch.equal(targets, whole * 0.5)
    assert seen or start == 3


@pytest.mark.parametrize("fields", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 0.5}])
def test_mixed_batches_are_the_same_for_any_start_and_any_number_of_processes(fields: dict[str, float]) -> None:
    recipe = replace(RECIPES["mien"], **fields)  # type: ignore[arg-type]
    samples = replace(drawn.faces(50), labels=np.eye(7, dtype=np.float32)[np.arange(50) % 7])

    def epoch(rank: int, world: int, start: int = 0) -> list[Batch]:
        return list(batches(samples, 8, seed=3, rank=rank, world=world).training(1, prepared(recipe), start=start))

    whole, shares, late = epoch(0, 1), [epoch(rank, 2) for rank in range(2)], epoch(0, 1, start=4)
    assert any(0 < value < 1 for _, targets, _ in whole for value in targets.flatten().tolist())
    for step, batch in enumerate(whole):
        for name in ("images", "targets"):
            tensor = getattr(batch, name)
            assert all(torch.equal(getattr(shares[rank][step], name), tensor[rank::2]) for rank in range(2))
            assert step < 4 or torch.equal(getattr(late[step - 4], name), tensor)


def test_the_source_may_be_read_only_and_is_left_alone() -> None:
    samples = drawn.faces(16)
    samples.images.flags.writeable = False
    before = samples.images.copy()
    part = batches(samples, 8)
    for _ in part.training(0, lambda faces, targets, _: (faces.mul_(0), targets)):
        pass
    assert np.array_equal(samples.images, before)
    assert torch.equal(part.images[..., 0], torch.from_numpy(before))


def test_unusable_training_data_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 samples"):
        batches(drawn.faces(1), 8)
    with pytest.raises(InputError, match="1 of 5 have none"):
        batches(replace(drawn.faces(5), labels=np.array([0, 1, -1, 2, 3])), 8)
    with pytest.raises(InputError, match="batch of 9 cannot be shared evenly by 2"):
        next(batches(drawn.faces(20), 9, world=2).training(0, plain))
