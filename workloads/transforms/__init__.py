"""Graph -> Graph. Each transform says in its docstring what it promises: the same function, or a stated change.

A transformed graph is costed like any other; nothing downstream knows where it came from.
"""

from workloads.transforms.autocast import autocast
from workloads.transforms.dead_channels import remove_dead_channels
from workloads.transforms.fold_batch_norm import fold_batch_norm
from workloads.transforms.fuse_activations import fuse_activations
from workloads.transforms.quantization import quantize
from workloads.transforms.rebatch import rebatch
from workloads.transforms.retype import retype
from workloads.transforms.unfuse_attention import unfuse_attention

__all__ = [
    "autocast",
    "fold_batch_norm",
    "fuse_activations",
    "quantize",
    "rebatch",
    "remove_dead_channels",
    "retype",
    "unfuse_attention",
]
