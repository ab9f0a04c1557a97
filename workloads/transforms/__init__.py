"""Graph -> Graph. Each transform says in its docstring what it promises: the same function, or a stated change.

A transformed graph is costed like any other; nothing downstream knows where it came from.
"""

from workloads.transforms.autocast import autocast
from workloads.transforms.block_replacement import replace_blocks
from workloads.transforms.dead_channels import remove_dead_channels
from workloads.transforms.factors import low_rank
from workloads.transforms.fold_batch_norm import fold_batch_norm
from workloads.transforms.fuse_activations import fuse_activations
from workloads.transforms.pruning import prune_filters, prune_weights
from workloads.transforms.quantization import quantize
from workloads.transforms.rebatch import rebatch
from workloads.transforms.retype import retype
from workloads.transforms.splitting import split_channels
from workloads.transforms.unfuse_attention import unfuse_attention
from workloads.transforms.weight_coding import code_weights

__all__ = [
    "autocast", "code_weights", "fold_batch_norm", "fuse_activations", "low_rank", "prune_filters", "prune_weights", "quantize",
    "rebatch", "remove_dead_channels", "replace_blocks", "retype", "split_channels", "unfuse_attention",
]  # fmt: skip
