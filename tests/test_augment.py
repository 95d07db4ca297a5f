"""Augmentation is a pure function of (batch, generator), and does to each picture what its name says."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from mien import recipes
from mien.augment import affine, augment, contrast, crop, erase, flip
from mien.recipes import RECIPES, Recipe


def by_recipe(recipe: Recipe, images: Tensor, dice: torch.Generator) -> Tensor:
    return augment(images, recipe, dice)


KINDS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "flip": lambda images, dice: flip(images, dice, 0.5),
    "affine": lambda images, dice: affine(images, dice, flip=0.5, rotate=30, zoom=0.2, shift=4),
    "crop": lambda images, dice: crop(images, dice, 16, 0),
    "pad and crop": lambda images, dice: crop(images, dice, 20, 4),
    "contrast": lambda images, dice: contrast(images, dice, 0.4),
    "erase": lambda images, dice: erase(images, dice, 0.7),
    **{name: partial(by_recipe, recipe) for name, recipe in RECIPES.items()},
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int = 8, channels: int = 1, size: int = 24, *, seed: int = 0) -> Tensor:
    """Float [n, channels, size, size] in 0..1, every pixel another."""
    return torch.rand(n, channels, size, size, generator=seeded(seed))


def turned(images: Tensor, **amounts: float) -> Tensor:
    """`affine` with nothing but `amounts`."""
    return affine(images, seeded(0), **{"flip": 0, "rotate": 0, "zoom": 0, "shift": 0, **amounts})


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", KINDS)
def test_it_is_pure(name: str, channels: int) -> None:
    images = noise(channels=channels, size=48)
    before = images.clone()
    generator = seeded(5)
    global_state = torch.get_rng_state()
    first = KINDS[name](images, generator)
    again = KINDS[name](images, seeded(5))
    assert torch.equal(images, before)
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), global_state)  # draws come from the generator alone
    if name not in ("three-class", "vgg-5x5", "three-conv"):  # published without augmentation
        assert not torch.equal(first, KINDS[name](images, generator))
    else:
        assert first is images


@given(
    name=st.sampled_from(sorted(KINDS)),
    n=st.integers(1, 5),
    channels=st.sampled_from([1, 3]),
    size=st.integers(32, 50),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=60, deadline=None)
def test_shape_and_range_are_kept(name: str, n: int, channels: int, size: int, seed: int) -> None:
    images = noise(n, channels, size, seed=seed % 1000)
    result = KINDS[name](images, seeded(seed))
    side = {"crop": 16, "pad and crop": 20, "resnet9": 32}.get(name, size)
    assert result.shape == (n, channels, side, side)
    assert result.dtype == torch.float32
    assert result.min() >= -1e-6
    assert result.max() <= 1 + 1e-6


@pytest.mark.parametrize("name", ["flip", "affine", "pad and crop", "contrast", "efficientnet-b0", "mien", "resnet9"])
def test_every_picture_draws_its_own(name: str) -> None:
    images = noise(1).expand(16, 1, 24, 24) if name not in RECIPES else noise(1, size=48).expand(16, 1, 48, 48)
    different = {tuple(row) for row in KINDS[name](images, seeded(1)).flatten(1).tolist()}
    assert len(different) > (1 if name == "flip" else 8)


def test_channels_move_together() -> None:
    grey = noise().expand(8, 3, 24, 24)
    for name in ("flip", "affine", "crop", "pad and crop", "contrast", "erase", "mien"):
        result = KINDS[name](grey if name != "mien" else noise(size=48).expand(8, 3, 48, 48), seeded(2))
        assert torch.equal(result[:, 0], result[:, 1])
        assert torch.equal(result[:, 0], result[:, 2])


def test_layout_does_not_matter() -> None:
    images = noise(channels=3, size=48)
    for name, kind in KINDS.items():
        last = kind(images.contiguous(memory_format=torch.channels_last), seeded(3))
        assert torch.allclose(last, kind(images, seeded(3)), atol=1e-6), name


@pytest.mark.parametrize("turn", [flip, lambda images, dice, p: turned(images, flip=p)], ids=["flip", "affine"])
def test_flip_probability(turn: Callable[[Tensor, torch.Generator, float], Tensor]) -> None:
    images = noise(200)
    assert torch.allclose(turn(images, seeded(0), 0.0), images, atol=1e-5)
    assert torch.allclose(turn(images, seeded(0), 1.0), images.flip(3), atol=1e-5)
    share = (turn(images, seeded(0), 0.25) - images).abs().amax((1, 2, 3)).gt(1e-3).float().mean()
    assert 0.15 < share < 0.35


def test_flip_copies_pixels_exactly() -> None:
    images = noise(50)
    result = flip(images, seeded(0), 0.5)
    assert all(torch.equal(new, old) or torch.equal(new, old.flip(2)) for new, old in zip(result, images, strict=True))


def test_affine_with_zeros_is_the_identity() -> None:
    images = noise(channels=3)
    assert torch.allclose(turned(images), images, atol=1e-5)


def test_affine_is_torchs_own_grid() -> None:
    images, (angle, stretch, right, down) = noise(1), (0.3, 1.2, 0.1, -0.2)

    draws = iter(
        [
            torch.tensor([[0.0]]),  # below the probability: mirrored
            torch.tensor([[math.degrees(angle)]]),
            torch.tensor([[1 / stretch]]),
            torch.tensor([[right * 12, down * 12]]),  # pixels of a picture of 24
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.augment.uniform", lambda *_, **__: next(draws))
        result = affine(images, seeded(0), flip=0.5, rotate=1, zoom=0.1, shift=1)
    cosine, sine = math.cos(angle) * stretch, math.sin(angle) * stretch
    matrix = torch.tensor([[[-cosine, -sine, right], [-sine, cosine, down]]])
    grid = F.affine_grid(matrix, [1, 1, 24, 24], align_corners=False)
    assert torch.allclose(result, F.grid_sample(images, grid, padding_mode="border", align_corners=False), atol=1e-5)


@given(st.floats(1, 180), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_rotation_keeps_the_centre_and_the_distance_from_it(degrees: float, seed: int) -> None:
    side = 33
    y, x = torch.meshgrid(torch.arange(side) - 16.0, torch.arange(side) - 16.0, indexing="ij")
    rings = torch.exp(-(((x**2 + y**2).sqrt() - 8) ** 2) / 8)[None, None]
    result = affine(rings, seeded(seed), flip=0, rotate=degrees, zoom=0, shift=0)
    inside = (x**2 + y**2).sqrt() < 13
    assert (result - rings)[0, 0][inside].abs().max() < 0.05


def test_rotation_goes_both_ways_and_no_further_than_said() -> None:
    side = 65
    bar = torch.zeros(400, 1, side, side)
    bar[:, :, 31:34, 40:60] = 1  # to the right of the centre
    result = affine(bar, seeded(0), flip=0, rotate=20, zoom=0, shift=0)[:, 0]
    y, x = torch.meshgrid(torch.arange(side) - 32.0, torch.arange(side) - 32.0, indexing="ij")
    angles = torch.rad2deg(torch.atan2((result * y).sum((1, 2)), (result * x).sum((1, 2))))
    assert angles.abs().max() <= 20.2
    assert angles.min() < -18
    assert angles.max() > 18
    assert angles.mean().abs() < 2


def test_shift_moves_by_at_most_so_many_pixels() -> None:
    dot = torch.zeros(300, 1, 33, 33)
    dot[:, :, 16, 16] = 1
    result = turned(dot, shift=4)[:, 0]
    y, x = torch.meshgrid(torch.arange(33) - 16.0, torch.arange(33) - 16.0, indexing="ij")
    for axis in (x, y):
        moves = (result * axis).sum((1, 2)) / result.sum((1, 2))
        assert moves.abs().max() <= 4.01
        assert moves.min() < -3.5
        assert moves.max() > 3.5


def test_zoom_changes_the_scale_within_its_bounds() -> None:
    square = torch.zeros(300, 1, 48, 48)
    square[:, :, 14:34, 14:34] = 1
    sides = turned(square, zoom=0.2).sum((1, 2, 3)).sqrt() / 20
    assert 0.79 < sides.min() < 0.85
    assert 1.15 < sides.max() < 1.21


@pytest.mark.parametrize(("size", "pad"), [(16, 0), (20, 4), (24, 0), (32, 4), (1, 23)])
def test_crops_are_windows_of_the_mirrored_picture(size: int, pad: int) -> None:
    images = noise(40, 3)
    around = F.pad(images, (pad, pad, pad, pad), mode="reflect") if pad else images
    result = crop(images, seeded(0), size, pad)
    windows = around.unfold(2, size, 1).unfold(3, size, 1)  # [n, c, rows, columns, size, size]
    for picture in range(len(images)):
        same = (windows[picture] == result[picture][:, None, None]).all(dim=(0, 3, 4))
        assert same.sum() == 1 or pad > 0
        assert same.any()


def test_crops_reach_every_corner() -> None:
    places = torch.arange(25.0).view(1, 1, 5, 5).expand(500, 1, 5, 5)
    assert set(crop(places, seeded(0), 3, 0)[:, 0, 0, 0].tolist()) == {0, 1, 2, 5, 6, 7, 10, 11, 12}


def test_contrast_moves_mean_and_spread_within_bounds() -> None:
    images = 0.4 + 0.2 * noise(300)  # far from 0 and 1, so that nothing is clipped
    result = contrast(images, seeded(0), 0.2)
    move = result.mean((1, 2, 3)) - images.mean((1, 2, 3))
    gain = result.std((1, 2, 3)) / images.std((1, 2, 3))
    assert move.abs().max() <= 0.2001
    assert move.min() < -0.15 < 0.15 < move.max()
    assert 0.7999 <= gain.min() < 0.85
    assert 1.15 < gain.max() <= 1.2001


def test_erase_fills_a_rectangle_of_the_stated_area_with_the_mean() -> None:
    images = noise(400, 3, 48)
    result = erase(images, seeded(0), 1.0)
    changed = (result != images).any(1)
    areas = changed.float().mean((1, 2))
    assert 0.01 < areas.min() < 0.04  # whole pixels: a little off 0.02 and 0.20
    assert 0.17 < areas.max() < 0.23
    for picture in range(len(images)):
        rows, columns = changed[picture].any(1), changed[picture].any(0)
        tall, wide = int(rows.sum()), int(columns.sum())
        assert int(changed[picture].sum()) == tall * wide  # one full rectangle
        assert 1 / 3.6 < tall / wide < 3.6
        filled = result[picture][:, changed[picture]]
        assert torch.allclose(filled, images[picture].mean().expand_as(filled), atol=1e-6)


def test_erase_probability() -> None:
    images = noise(400)
    assert torch.equal(erase(images, seeded(0), 0.0), images)
    share = (erase(images, seeded(0), 0.25) != images).flatten(1).any(1).float().mean()
    assert 0.18 < share < 0.32


def test_a_recipe_uses_exactly_its_own_fields() -> None:
    images = noise(16, size=48)
    assert augment(images, Recipe(), seeded(0)) is images
    assert torch.equal(augment(images, Recipe(flip=0.5), seeded(4)), flip(images, seeded(4), 0.5))
    assert torch.equal(augment(images, Recipe(crop=32, pad=4), seeded(4)), crop(images, seeded(4), 32, 4))
    assert torch.equal(augment(images, Recipe(contrast=0.2), seeded(4)), contrast(images, seeded(4), 0.2))
    assert torch.equal(augment(images, Recipe(erase=0.5), seeded(4)), erase(images, seeded(4), 0.5))
    for field in ("rotate", "zoom", "shift"):
        amounts = {"flip": 0.0, "rotate": 0.0, "zoom": 0.0, "shift": 0.0, field: 0.25}
        alone = recipes.from_dict({field: 0.25})
        assert torch.equal(augment(images, alone, seeded(4)), affine(images, seeded(4), **amounts))
