"""Augmentation on the batch, on the device: pure functions of a batch and a generator.

Own lines and no library: torchvision's transforms draw one set of parameters per call, so that a batch would share them
or be processed image by image; here every image draws its own and the batch stays one tensor. Images are float
[n, channels, h, w] in 0..1.
"""

import math
from functools import cache

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
    if recipe.occlude:
        images = occlude(images, generator, recipe.occlude)
    if recipe.degrade:
        images = degrade(images, generator, recipe.degrade)
    return images


def mix(images: Tensor, targets: Tensor, recipe: Recipe, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return images and float targets [n, k], each blended with those of another image of the batch.

    The partner is the batch in reverse. An image gets a rectangle of its partner with the probability `recipe.cutmix`;
    the others are blended where the recipe has `mixup`.
    """
    if not (recipe.cutmix or recipe.mixup):
        return images, targets
    weight = torch.zeros(len(images), 1, 1, 1, device=images.device)  # of the partner
    if recipe.mixup:
        concentration = torch.full((len(images), 2), recipe.mixup, device=images.device)
        share = torch._sample_dirichlet(concentration, generator)[:, :1]  # Beta(a, a), from this generator
        weight = share[:, :, None, None]
    if recipe.cutmix:
        chosen, area, left, top = uniform(images, generator, 0, 1, columns=4)[:, :, None].unbind(1)
        side = torch.sqrt(area)  # of the rectangle: its area is uniform, Beta(1, 1)
        rows, columns = (
            (torch.arange(0.5, length, device=images.device)[None] - start * (1 - side) * length)
            .div(side * length)
            .floor()
            == 0
            for length, start in zip(images.shape[2:], (top, left), strict=True)
        )
        foreign = (rows[:, :, None] & columns[:, None, :])[:, None].to(images.dtype)
        weight = torch.where((chosen < recipe.cutmix)[:, :, None, None], foreign, weight)
    return torch.lerp(images, images.flip(0), weight), torch.lerp(targets, targets.flip(0), weight.mean(dim=(2, 3)))


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
    shifts = uniform(images, generator, -shift, shift, columns=2) * (2 / width)
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


def occlude(images: Tensor, generator: torch.Generator, probability: float) -> Tensor:
    """Cover, with `probability`, the lower 35 to 55 %, a band of 20 to 35 % at the eyes, or 30 to 50 % of a side.

    A cover has one brightness of 0..1.
    """
    height, width = images.shape[2:]
    chosen, kind, extent, level = uniform(images, generator, 0, 1, columns=4)[:, :, None, None].unbind(1)
    y = (torch.arange(0.5, height, device=images.device) / height)[None, :, None]
    x = (torch.arange(0.5, width, device=images.device) / width)[None, None, :]
    mouth = (y > 0.65 - 0.2 * extent) & (kind < 0.5)
    eyes = ((y - 0.32).abs() < 0.1 + 0.075 * extent) & (kind >= 0.5) & (kind < 0.75)
    side = 0.3 + 0.2 * extent
    sides = ((x < side) & (kind >= 0.75) & (kind < 0.875)) | ((x > 1 - side) & (kind >= 0.875))
    covered = ((mouth | eyes | sides) & (chosen < probability)).float()[:, None]
    return torch.lerp(images, level[:, None].expand_as(images), covered)


def degrade(images: Tensor, generator: torch.Generator, probability: float) -> Tensor:
    """Degrade a share of the images, each in one way: fewer pixels, blur, noise, JPEG's blocks, little light.

    What a face of 14 to 30 pixels, an optical blur of 0.5 to 2.5 pixels of 48, noise of up to 0.12, a JPEG quality of 5
    to 40, and 5 to 60 % of the light with the camera's 256 steps leave of it.
    """
    order = uniform(images, generator, 0, 1)[:, 0].argsort()
    parts = order[: round(probability * len(images))].tensor_split(5)
    ways = (pixelate, blur, noise, jpeg, dim)
    images = images.clone(memory_format=torch.contiguous_format)
    for rows, way in zip(parts, ways, strict=True):
        if len(rows):
            images.index_copy_(0, rows, way(images.index_select(0, rows), generator))
    return images


def pixelate(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shrink square images to 14 to 30 pixels of 48, and back."""
    ways = coarser(images.shape[3], images.device)
    chosen = ways[(uniform(images, generator, 0, len(ways))[:, 0]).long()][:, None]
    return chosen @ images @ chosen.mT


@cache
def coarser(side: int, device: torch.device) -> Tensor:
    """Return [sizes, side, side]: what shrinking to each size and enlarging again makes of a column of pixels.

    As matrices, so that each image has its own size in one product, and the shapes do not depend on the draw.
    """
    columns = torch.eye(side).view(1, 1, side, side)
    sizes = range(round(side * 14 / 48), round(side * 30 / 48) + 1)
    ways = [
        F.interpolate(
            F.interpolate(columns, (size, side), mode="bilinear", antialias=True), (side, side), mode="bilinear"
        )
        for size in sizes
    ]
    return torch.cat(ways)[:, 0].to(device)


def blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur by a Gaussian of 0.5 to 2.5 pixels of 48."""
    n, channels, height, width = images.shape
    sigma = uniform(images, generator, 0.5, 2.5) * height / 48
    reach = math.ceil(5 * height / 48)
    offsets = torch.arange(-reach, reach + 1, device=images.device)[None]
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    flat = F.pad(images.reshape(1, n * channels, height, width), (reach,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, :, None], groups=n * channels)
    return F.conv2d(flat, kernel[:, :, None, :], groups=n * channels).view_as(images)


def noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise with a deviation of up to 0.12."""
    drawn = torch.randn(images.shape, generator=generator, device=images.device)
    return torch.addcmul(images, drawn, uniform(images, generator, 0, 0.12)[:, :, None, None]).clamp_(0, 1)


def jpeg(images: Tensor, generator: torch.Generator) -> Tensor:
    """Quantise the 8 x 8 blocks of each channel as JPEG does with its luminance table, at a quality of 5 to 40."""
    n, channels, height, width = images.shape
    quality = uniform(images, generator, 5, 40)
    steps = (jpeg_table(images.device) * (50 / quality)[:, :, None]).clamp(1, 255)[:, None]  # [n, 1, 8, 8]
    k = torch.arange(8, dtype=torch.float32, device=images.device)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    padded = F.pad(images, (0, -width % 8, 0, -height % 8), mode="replicate")
    rows, columns = padded.shape[2] // 8, padded.shape[3] // 8
    blocks = padded.reshape(n, channels * rows, 8, columns, 8).transpose(2, 3) * 255 - 128
    blocks = blocks.reshape(n, -1, 8, 8)
    coefficients = torch.round(basis @ blocks @ basis.T / steps) * steps
    blocks = (basis.T @ coefficients @ basis + 128) / 255
    blocks = blocks.view(n, channels * rows, columns, 8, 8).transpose(2, 3)
    return blocks.reshape(n, channels, rows * 8, columns * 8)[:, :, :height, :width].clamp(0, 1)


@cache
def jpeg_table(device: torch.device) -> Tensor:
    """Return JPEG's luminance table; made once, because the host waits where numbers go to a GPU."""
    return torch.tensor(JPEG, dtype=torch.float32, device=device)


def dim(images: Tensor, generator: torch.Generator) -> Tensor:
    """Leave 5 to 60 % of the light, in steps of 1/255."""
    light = torch.exp(uniform(images, generator, math.log(0.05), math.log(0.6)))[:, :, None, None]
    return torch.round(images * light * 255) / 255


JPEG = (  # ITU-T T.81, table K.1
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
