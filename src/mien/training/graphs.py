"""What a GPU does in a step as one CUDA graph: the host launches it in the place of about a thousand kernels."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

EAGER = 3  # steps of a shape before it is captured: they compile, and make what is made once

Compute = Callable[[Tensor, torch.Generator], Tensor]


def compiled(network: Callable[[Tensor], Tensor], **options: Any) -> Callable[[Tensor], Tensor]:
    """Return the network compiled as one graph; of an nn.Sequential itself torch compiles each block on its own."""
    whole: Callable[[Tensor], Tensor] = torch.compile(lambda images: network(images), dynamic=False, **options)
    return whole


class Captured(NamedTuple):
    """A graph, where it reads and where it writes."""

    graph: torch.cuda.CUDAGraph
    chosen: Tensor
    result: Tensor
    gradients: list[Tensor | None]


class Graphs:
    """A function that adds gradients, as one CUDA graph for each shape of its images.

    The results are those of the function itself: a graph takes its random numbers from the generators' present
    seeds. (It needs a function that never waits for the device, and shapes that do not depend on what is drawn.)

    Args:
        compute: gets int64 [n] on the device and the generator; changes the gradients of the parameters.
        parameters: their gradients are set anew by each call.
        generator: on the device; the caller sets its seed, and that of torch's own generator, before each call.
    """

    def __init__(self, compute: Compute, parameters: Sequence[nn.Parameter], generator: torch.Generator) -> None:
        self.compute, self.parameters, self.generator = compute, parameters, generator
        self.captured: dict[tuple[int, bool], Captured] = {}
        self.eager: Counter[tuple[int, bool]] = Counter()

    def __call__(self, chosen: Tensor, *, small: bool) -> Tensor:
        """Return what the function returns for images of one size (`small`) or the other."""
        key = len(chosen), small
        if key not in self.captured:
            self.eager[key] += 1
            if self.eager[key] <= EAGER:
                return self.compute(chosen, self.generator)
            self.captured[key] = self._capture(chosen)
        one = self.captured[key]
        one.chosen.copy_(chosen)
        one.graph.replay()
        for parameter, gradient in zip(self.parameters, one.gradients, strict=True):
            parameter.grad = gradient
        return one.result.clone()

    def _capture(self, chosen: Tensor) -> Captured:
        chosen, graph = chosen.clone(), torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        for parameter in self.parameters:
            parameter.grad = None  # so that the graph has its own
        with torch.cuda.graph(graph):
            result = self.compute(chosen, self.generator)
        return Captured(graph, chosen, result, [parameter.grad for parameter in self.parameters])
