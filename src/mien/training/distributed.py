"""Several processes under torchrun: torch's DistributedDataParallel, and the one thing it lacks on the CPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mien.core.errors import InputError

RANK, LOCAL_RANK, WORLD = (
    int(os.environ.get(name, value)) for name, value in (("RANK", "0"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "1"))
)
LEADS = RANK == 0  # this process speaks and writes for all
PATIENCE = timedelta(minutes=30)  # how long a process waits for the others: one alone reads, saves or exports


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the group that torchrun announced, nccl on GPUs and gloo on CPUs; alone, do nothing.

    No process leaves before the others are done, because torchrun would end those that still work.

    Raises:
        InputError: another process has ended.
    """
    if WORLD == 1:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield
        wait()
    except RuntimeError as error:  # gloo raises torch's bare one
        if "gloo" in str(error) or isinstance(error, dist.DistError):
            raise InputError("another process of this run has ended; its messages say why") from None
        raise
    finally:
        dist.destroy_process_group()


def wait() -> None:
    """Return when all processes have called it."""
    if WORLD > 1:
        dist.barrier()


def data_parallel(model: nn.Module, device: torch.device) -> nn.Module:
    """Return the model so that the processes' gradients are those of one process on the whole batch."""
    if WORLD == 1:
        return model
    return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)


def synchronise_norms(model: nn.Module, device: torch.device) -> nn.Module:
    """Return the model with batch norms that see the whole batch of all processes."""
    if WORLD == 1:
        return model
    if device.type == "cuda":
        # torch's own function drops the activations of timm's batch norms
        from timm.layers.norm_act import convert_sync_batchnorm

        converted: nn.Module = convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.__class__ = type("SyncBatchNorm", (SyncBatchNorm, type(module)), {})
    return model


def total(values: Tensor) -> Tensor:
    """Return the sum of `values` over the processes."""
    if WORLD > 1:
        dist.all_reduce(values)
    return values


class Sum(torch.autograd.Function):
    """`total` that passes gradients on: each process's loss depends on every process's values."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        return total(values.clone())

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return total(gradients[0].clone())


class SyncBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm over all processes' shares (of equal size) for the CPU; torch's own knows only GPUs."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        values = input.to(torch.promote_types(input.dtype, self.running_mean.dtype))  # bfloat16 as float32, as torch's
        axes = [0, *range(2, input.ndim)]
        shape = [1, -1, *[1] * (input.ndim - 2)]
        mean = Sum.apply(values.mean(axes)) / WORLD
        centred = values - mean.view(shape)
        variance = Sum.apply(centred.square().mean(axes)) / WORLD
        with torch.no_grad():
            count = input.numel() / input.shape[1] * WORLD
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            self.num_batches_tracked += 1
        scale = torch.rsqrt(variance + self.eps) * self.weight
        result: Tensor = (centred * scale.view(shape) + self.bias.view(shape)).to(input.dtype)
        for name in ("drop", "act"):  # timm's BatchNormAct2d brings its activation along
            result = getattr(self, name, nn.Identity())(result)
        return result
