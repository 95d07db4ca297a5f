"""Augmentation is a pure function of (batch, generator), and does to each image what its name says."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from mien.core import records
from mien.recipes import RECIPES, Recipe
from mien.training.augment import (
    affine,
    augment,
    blur,
    change_contrast,
    crop,
    degrade,
    dim,
    erase,
    flip,
    jpeg,
    mix,
    occlude,
    pixelate,
    shrink,
)
from mien.training.augment import noise as add_noise


def by_recipe(recipe: Recipe, images: Tensor, dice: torch.Generator) -> Tensor:
    return augment(images, recipe, dice)


KINDS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "flip": lambda images, dice: flip(images, dice, 0.5),
    "affine": lambda images, dice: affine(images, dice, flip=0.5, rotate=30, zoom=0.2, shift=4),
    "crop": lambda images, dice: crop(images, dice, 16, 0),
    "pad and crop": lambda images, dice: crop(images, dice, 20, 4),
    "contrast": lambda images, dice: change_contrast(images, dice, 0.4),
    "erase": lambda images, dice: erase(images, dice, 0.7),
    "occlude": lambda images, dice: occlude(images, dice, 0.7),
    "degrade": lambda images, dice: degrade(images, dice, 0.7),
    "pixelate": pixelate,
    "blur": blur,
    "noise": add_noise,
    "jpeg": jpeg,
    "dim": dim,
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
def test_augment_is_a_pure_function(name: str, channels: int) -> None:
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
        assert not torch.equal(first, KINDS[name](images, seeded(6)))
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
def test_augment_keeps_shape_and_range(name: str, n: int, channels: int, size: int, seed: int) -> None:
    images = noise(n, channels, size, seed=seed % 1000)
    result = KINDS[name](images, seeded(seed))
    side = {"crop": 16, "pad and crop": 20, "resnet9": 32}.get(name, size)
    assert result.shape == (n, channels, side, side)
    assert result.dtype == torch.float32
    assert result.min() >= -1e-6
    assert result.max() <= 1 + 1e-6


@pytest.mark.parametrize("name", ["flip", "affine", "pad and crop", "contrast", "efficientnet-b0", "mien", "resnet9"])
def test_augment_draws_for_each_image(name: str) -> None:
    images = noise(1).expand(16, 1, 24, 24) if name not in RECIPES else noise(1, size=48).expand(16, 1, 48, 48)
    different = {tuple(row) for row in KINDS[name](images, seeded(1)).flatten(1).tolist()}
    assert len(different) > (1 if name == "flip" else 8)


def test_augment_moves_channels_together() -> None:
    grey = noise().expand(8, 3, 24, 24)
    for name in ("flip", "affine", "crop", "pad and crop", "contrast", "erase", "mien"):
        result = KINDS[name](grey if name != "mien" else noise(size=48).expand(8, 3, 48, 48), seeded(2))
        assert torch.equal(result[:, 0], result[:, 1])
        assert torch.equal(result[:, 0], result[:, 2])


def test_augment_does_not_depend_on_the_memory_layout() -> None:
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


def test_affine_equals_the_grid_of_torch() -> None:
    images, (angle, stretch, right, down) = noise(1), (0.3, 1.2, 0.1, -0.2)

    draws = iter(
        [
            torch.tensor([[0.0]]),  # below the probability: mirrored
            torch.tensor([[math.degrees(angle)]]),
            torch.tensor([[1 / stretch]]),
            torch.tensor([[right * 12, down * 12]]),  # pixels of a image of 24
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.training.augment.uniform", lambda *_, **__: next(draws))
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


def test_rotation_goes_both_ways_within_its_limit() -> None:
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


def test_shift_stays_within_its_limit() -> None:
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
def test_crops_are_windows_of_the_reflected_image(size: int, pad: int) -> None:
    images = noise(40, 3)
    around = F.pad(images, (pad, pad, pad, pad), mode="reflect") if pad else images
    result = crop(images, seeded(0), size, pad)
    windows = around.unfold(2, size, 1).unfold(3, size, 1)  # [n, c, rows, columns, size, size]
    for image in range(len(images)):
        same = (windows[image] == result[image][:, None, None]).all(dim=(0, 3, 4))
        assert same.sum() == 1 or pad > 0
        assert same.any()


def test_crops_reach_every_corner() -> None:
    places = torch.arange(25.0).view(1, 1, 5, 5).expand(500, 1, 5, 5)
    assert set(crop(places, seeded(0), 3, 0)[:, 0, 0, 0].tolist()) == {0, 1, 2, 5, 6, 7, 10, 11, 12}


def test_contrast_moves_mean_and_spread_within_bounds() -> None:
    images = 0.4 + 0.2 * noise(300)  # far from 0 and 1, so that nothing is clipped
    result = change_contrast(images, seeded(0), 0.2)
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
    for image in range(len(images)):
        rows, columns = changed[image].any(1), changed[image].any(0)
        tall, wide = int(rows.sum()), int(columns.sum())
        assert int(changed[image].sum()) == tall * wide  # one full rectangle
        assert 1 / 3.6 < tall / wide < 3.6
        filled = result[image][:, changed[image]]
        assert torch.allclose(filled, images[image].mean().expand_as(filled), atol=1e-6)


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
    assert torch.equal(augment(images, Recipe(contrast=0.2), seeded(4)), change_contrast(images, seeded(4), 0.2))
    assert torch.equal(augment(images, Recipe(erase=0.5), seeded(4)), erase(images, seeded(4), 0.5))
    for field in ("rotate", "zoom", "shift"):
        amounts = {"flip": 0.0, "rotate": 0.0, "zoom": 0.0, "shift": 0.0, field: 0.25}
        alone = records.from_json({field: 0.25}, Recipe, where="test")
        assert torch.equal(augment(images, alone, seeded(4)), affine(images, seeded(4), **amounts))


def blended(n: int, recipe: Recipe, seed: int, *, size: int = 24, k: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures of 0 and 1 so that what comes from whom is seen, targets that sum to 1 or 0, and `mix` of both."""
    images = (torch.arange(n) < n / 2).float().view(n, 1, 1, 1).expand(n, 1, size, size).contiguous()
    targets = noise(n, 1, size, seed=seed)[:, 0, 0, :k].softmax(1) * (torch.arange(n) % 3 > 0)[:, None]
    return images, targets, *mix(images, targets, recipe, seeded(seed))


MIXES = st.sampled_from([Recipe(mixup=0.2), Recipe(mixup=1.0), Recipe(cutmix=1.0), Recipe(mixup=0.4, cutmix=0.5)])


@given(recipe=MIXES, n=st.integers(2, 9), seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_mixup_blends_with_the_image_at_the_other_end(recipe: Recipe, n: int, seed: int) -> None:
    images, targets, mixed, shares = blended(n, recipe, seed)
    assert mixed.shape == images.shape
    assert shares.shape == targets.shape
    for new, old in ((mixed, images), (shares, targets)):
        low, high = torch.minimum(old, old.flip(0)), torch.maximum(old, old.flip(0))
        assert (new >= low - 1e-6).all()
        assert (new <= high + 1e-6).all()
    # one share for a image and its target: what is seen of the partner is what its target weighs
    foreign = (mixed - images).abs().mean((1, 2, 3))
    both = images[:, 0, 0, 0] != images.flip(0)[:, 0, 0, 0]
    expected = torch.lerp(targets, targets.flip(0), foreign[:, None])
    assert torch.allclose(shares[both], expected[both], atol=1e-5)
    sums = torch.lerp(targets.sum(1), targets.sum(1).flip(0), foreign)
    assert torch.allclose(shares.sum(1)[both], sums[both], atol=1e-5)


@given(recipe=MIXES, n=st.integers(2, 9), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_mixing_keeps_the_sums_of_targets_and_is_pure(recipe: Recipe, n: int, seed: int) -> None:
    images, targets = noise(n, 3, seed=seed), noise(n, 1, seed=seed + 1)[:, 0, 0, :7].softmax(1)
    before, state = (images.clone(), targets.clone()), torch.get_rng_state()
    generator = seeded(seed)
    first, again = mix(images, targets, recipe, generator), mix(images, targets, recipe, seeded(seed))
    assert torch.allclose(first[1].sum(1), torch.ones(n), atol=1e-5)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0], mix(images, targets, recipe, generator)[0])
    assert torch.equal(images, before[0])
    assert torch.equal(targets, before[1])
    assert torch.equal(torch.get_rng_state(), state)


def test_cutmix_puts_one_rectangle_of_any_area_anywhere() -> None:
    images, targets, mixed, shares = blended(600, Recipe(cutmix=1.0), 0)
    foreign = (mixed != images)[:, 0]
    areas = foreign.float().mean((1, 2))
    assert torch.allclose(shares, torch.lerp(targets, targets.flip(0), areas[:, None]), atol=1e-6)
    for image in foreign:
        rows, columns = image.any(1), image.any(0)
        assert int(image.sum()) == int(rows.sum()) * int(columns.sum())  # full
        for line in (rows, columns):
            places = line.nonzero()[:, 0]
            assert len(places) == 0 or int(places[-1] - places[0]) + 1 == len(places)  # and in one piece
    assert areas.min() < 0.02
    assert areas.max() == 1
    for least in (0.2, 0.5, 0.8):
        assert (areas < least).float().mean() == pytest.approx(least, abs=0.06)
    corners = [foreign[:, row, column].float().mean() for row in (0, -1) for column in (0, -1)]
    assert max(corners) - min(corners) < 0.06
    assert min(corners) > 0.05


@pytest.mark.parametrize("amount", [0.01, 0.2, 1.0, 8.0])
def test_mixup_shares_follow_the_beta_distribution(amount: float) -> None:
    images, _, mixed, _ = blended(4000, Recipe(mixup=amount), 0, size=5)
    shares = (mixed - images).abs()[:, 0]
    assert torch.isfinite(mixed).all()
    assert torch.equal(shares.amax((1, 2)), shares.amin((1, 2)))  # one share for the whole image
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares[:, 0, 0].var() == pytest.approx(1 / (4 * (2 * amount + 1)), rel=0.1)


def test_cutmix_is_drawn_for_each_image_and_mixup_does_the_others() -> None:
    images, _, mixed, _ = blended(2000, Recipe(cutmix=0.3, mixup=1.0), 0)
    whole = (mixed - images).abs().flatten(1)
    cut = ((whole == 0) | (whole == 1)).all(1)
    assert cut.float().mean() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(whole[~cut].amax(1), whole[~cut].amin(1))
    images, _, mixed, _ = blended(2000, Recipe(cutmix=0.3), 0)
    assert (mixed == images).flatten(1).all(1).float().mean() == pytest.approx(0.7, abs=0.03)
    images, targets, mixed, shares = blended(8, Recipe(), 0)
    assert mixed is images
    assert shares is targets


@given(n=st.integers(1, 4), channels=st.sampled_from([1, 3]), size=st.integers(4, 24), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_shrinking_keeps_the_mean(n: int, channels: int, size: int, seed: int) -> None:
    images = noise(n, channels, 48, seed=seed)
    result = shrink(images, size)
    assert result.shape == (n, channels, size, size)
    assert result.min() >= 0
    assert result.max() <= 1
    assert torch.allclose(result.mean((2, 3)), images.mean((2, 3)), atol=0.02)
    even = torch.full((1, 1, 48, 48), 0.3)
    assert torch.allclose(shrink(even, size), torch.full((1, 1, size, size), 0.3), atol=1e-6)


def test_shrinking_loses_no_pixel() -> None:
    """A bright dot weighs the same wherever it lies: plain bilinear sampling would miss most of them."""
    for row in range(20, 28):
        dot = torch.zeros(1, 1, 48, 48)
        dot[:, :, row, 24] = 1
        assert shrink(dot, 16).sum() * 9 == pytest.approx(1, abs=0.05)


def test_degrading_changes_its_share_of_the_images() -> None:
    images = noise(40, size=48)
    changed = (degrade(images, seeded(0), 0.5) != images).flatten(1).any(1)
    assert int(changed.sum()) == 20
    assert torch.equal(degrade(images, seeded(0), 0.0), images)


def test_a_blur_and_a_coarser_image_lose_detail_and_keep_the_brightness() -> None:
    images = noise(16, size=48)
    for way in (blur, pixelate):
        result = way(images, seeded(0))
        assert (result.std(dim=(1, 2, 3)) < 0.8 * images.std(dim=(1, 2, 3))).all()
        assert torch.allclose(result.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), atol=0.02)


def test_jpeg_keeps_flat_blocks_and_coarsens_fine_ones() -> None:
    flat = torch.full((4, 1, 48, 48), 128 / 255)
    assert torch.allclose(jpeg(flat, seeded(0)), flat, atol=1e-5)
    images = noise(4, size=48)
    worst = (jpeg(images, seeded(0)) - images).abs().mean()
    assert 0.05 < worst < 0.3


def test_jpeg_is_what_pillow_writes() -> None:
    import io

    import numpy as np
    from PIL import Image

    ramp = np.add.outer(np.arange(48) * 3, np.arange(48) * 2).astype(np.uint8)
    images = torch.from_numpy(ramp.astype(np.float32) / 255)[None, None]
    dice = seeded(3)
    quality = round(5 + 35 * float(torch.rand(1, 1, generator=seeded(3))))
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, "JPEG", quality=quality)
    written = torch.from_numpy(np.asarray(Image.open(file), np.float32) / 255)
    assert (jpeg(images, dice)[0, 0] - written).abs().mean() < 0.01  # its tables are rounded


def test_dim_light_leaves_few_steps() -> None:
    images = noise(64, size=24)
    result = dim(images, seeded(0))
    share = result.mean(dim=(1, 2, 3)) / images.mean(dim=(1, 2, 3))
    assert 0.04 < share.min() < 0.2 < 0.4 < share.max() < 0.61
    assert torch.allclose(result * 255, (result * 255).round(), atol=1e-4)


def test_covers_are_flat_and_where_a_mask_or_glasses_are() -> None:
    images = noise(256, size=48)
    covered = occlude(images, seeded(0), 1.0) != images
    rows = covered[:, 0].all(dim=2).float().mean(0)  # share of images whose whole row is covered
    assert 0.4 < rows[40] < 0.6  # the mouth, in half of the images
    assert 0.15 < rows[15] < 0.35  # the eyes, in a quarter
    assert rows[2] == 0
    sides = covered[:, 0].all(dim=1).any(dim=1).float().mean()
    assert 0.15 < sides < 0.35
    for image, part in zip(occlude(images, seeded(0), 1.0), covered, strict=True):
        assert len(image[part].unique()) == 1
