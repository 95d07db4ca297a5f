"""Augmentation on the batch, on the device: pure functions of a batch and a generator.

Own lines and no library: torchvision's transforms draw one set of parameters per call, so that a batch would share them
or be processed image by image; here every image draws its own and the batch stays one tensor. Images are float
[n, channels, h, w] in 0..1.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.recipes import Recipe


def prepare(
    images: Tensor, targets: Tensor, recipe: Recipe, generator: torch.Generator, *, small: bool
) -> tuple[Tensor, Tensor]:
    """Return a training batch as the recipe says: augmented, resized to `progressive_size` where `small`, mixed."""
    images = augment(images, recipe, generator)
    if small:
        images = shrink(images, recipe.progressive_size)
    return mix(images, targets, recipe, generator)


def augment(images: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Return the batch augmented as the recipe says; images have `recipe.crop` pixels on a side where it crops."""
    if recipe.rotate or recipe.zoom or recipe.shift:
        images = affine(images, generator, flip=recipe.flip, rotate=recipe.rotate, zoom=recipe.zoom, shift=recipe.shift)
    elif recipe.flip:
        images = flip(images, generator, recipe.flip)
    if recipe.crop:
        images = crop(images, generator, recipe.crop, recipe.pad)
    if recipe.contrast:
        images = change_contrast(images, generator, recipe.contrast)
    if recipe.erase:
        images = erase(images, generator, recipe.erase)
    return images


def mix(images: Tensor, targets: Tensor, recipe: Recipe, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return images and float targets [n, k], each blended with those of another image of the batch.

    The partner is the batch in reverse. A batch is mixed by rectangles (`recipe.cutmix`), blended (`recipe.mixup`), or
    returned as it is.
    """
    if not (recipe.cutmix or recipe.mixup):
        return images, targets
    draws = torch.rand(2, generator=generator, device=images.device)
    if recipe.cutmix and draws[0] < recipe.cutmix:
        height, width = images.shape[2:]
        side = torch.sqrt(uniform(images, generator, 0, 1))  # of the rectangle: its area is uniform, Beta(1, 1)
        left, top = uniform(images, generator, 0, 1, columns=2)[:, :, None].unbind(1)
        rows, columns = (
            (torch.arange(0.5, length, device=images.device)[None] - start * (1 - side) * length)
            .div(side * length)
            .floor()
            == 0
            for length, start in ((height, top), (width, left))
        )
        foreign = (rows[:, :, None] & columns[:, None, :]).to(images.dtype)[:, None]
        share = foreign.mean(dim=(1, 2, 3))[:, None]
        return torch.lerp(images, images.flip(0), foreign), torch.lerp(targets, targets.flip(0), share)
    if recipe.mixup:
        concentration = torch.full((len(images), 2), recipe.mixup, device=images.device)
        share = torch._sample_dirichlet(concentration, generator)[:, :1]  # Beta(a, a), from this generator
        return torch.lerp(images, images.flip(0), share[:, :, None, None]), torch.lerp(targets, targets.flip(0), share)
    return images, targets


def shrink(images: Tensor, size: int) -> Tensor:
    """Return the images at size x size, each pixel the mean of the area it covers."""
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


def uniform(images: Tensor, generator: torch.Generator, low: float, high: float, *, columns: int = 1) -> Tensor:
    """Return [n, columns] drawn from low..high on the batch's device."""
    draws = torch.rand(len(images), columns, generator=generator, device=images.device)
    return low + (high - low) * draws


def flip(images: Tensor, generator: torch.Generator, probability: float) -> Tensor:
    """Mirror each image left to right with `probability`."""
    mirrored = uniform(images, generator, 0, 1)[:, :, None, None] < probability
    # lerp is exact at 0 and 1; where() takes ten times as long on the CPU
    return torch.lerp(images, images.flip(3), mirrored.float())


def affine(
    images: Tensor, generator: torch.Generator, *, flip: float, rotate: float, zoom: float, shift: float
) -> Tensor:
    """Mirror, rotate (degrees), scale and shift (pixels) square images in one bilinear resampling; edges repeat."""
    n, _, height, width = images.shape
    sign = 1 - 2 * (uniform(images, generator, 0, 1) < flip).float()
    angle = uniform(images, generator, -rotate, rotate) * (math.pi / 180)
    stretch = 1 / uniform(images, generator, 1 - zoom, 1 + zoom)
    shifts = uniform(images, generator, -shift, shift, columns=2) * torch.tensor(
        [2 / width, 2 / height], device=images.device
    )
    cosine, sine = torch.cos(angle) * stretch, torch.sin(angle) * stretch
    # F.affine_grid, but as a sum over rows and columns: a twentieth of its time on the CPU
    x, y = (torch.arange(1 - side, side, 2, device=images.device) / side for side in (width, height))
    along = x[:, None] * torch.cat([sign * cosine, sign * sine], 1)[:, None] + shifts[:, None]  # [n, width, 2]
    down = torch.cat([-sine, cosine], 1)[:, None].expand(n, width, 2)
    grid = torch.addcmul(along.reshape(n, 1, -1), down.reshape(n, 1, -1), y[:, None]).view(n, height, width, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def crop(images: Tensor, generator: torch.Generator, size: int, pad: int) -> Tensor:
    """Cut a random size x size window from each image after mirroring `pad` pixels around it."""
    n, channels, height, width = images.shape
    draws = torch.rand(2, n, 1, generator=generator, device=images.device)
    steps = torch.arange(size, device=images.device) - pad
    rows, columns = (
        (side - 1) - ((side - 1) - ((draw * (side + 2 * pad - size + 1)).long() + steps).abs()).abs()
        for draw, side in zip(draws, (height, width), strict=True)
    )
    positions = (rows[:, :, None] * width + columns[:, None, :]).view(n, 1, -1).expand(-1, channels, -1)
    return images.flatten(2).gather(2, positions).view(n, channels, size, size)


def change_contrast(images: Tensor, generator: torch.Generator, amount: float) -> Tensor:
    """Scale what differs from an image's mean by 1 - amount .. 1 + amount; move the mean by -amount .. amount."""
    draws = uniform(images, generator, -amount, amount, columns=2)[:, :, None, None]
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return torch.addcmul(draws[:, 1:] - draws[:, :1] * mean, images, 1 + draws[:, :1]).clamp_(0, 1)


def erase(images: Tensor, generator: torch.Generator, probability: float) -> Tensor:
    """Fill a rectangle of 2 to 20 % of the area, sides 1:3 to 3:1, with the image's mean, with `probability`."""
    height, width = images.shape[2:]
    chosen, area, shape, left, top = uniform(images, generator, 0, 1, columns=5)[:, :, None, None].unbind(1)
    ratio = torch.exp((2 * shape - 1) * math.log(3))
    side = torch.sqrt(0.02 + 0.18 * area)
    tall, wide = (side * ratio.sqrt()).clamp(max=1) * height, (side / ratio.sqrt()).clamp(max=1) * width
    rows = torch.arange(height, device=images.device)[None, :, None] - top * (height - tall)
    columns = torch.arange(width, device=images.device)[None, None, :] - left * (width - wide)
    inside = ((rows >= 0) & (rows < tall) & (chosen < probability)).float() * (
        (columns >= 0) & (columns < wide)
    ).float()
    return torch.lerp(images, images.mean(dim=(1, 2, 3), keepdim=True), inside[:, None])
