"""Three of the applications of the TPU paper, rebuilt from what it says of them (Jouppi et al., ISCA 2017, table 1).

The paper gives kinds and numbers of layers, weights (20, 52 and 8 million), batches (200, 64 and 8) and multiply-accumulates per
weight byte (200, 64 and 2888); shapes are not published. Layers are taken as equal, of whole weight tiles of 256 x 256, because the
counters of table 3 show next to no unused multipliers. A board of 19 x 19 gives the 2888 = 8 * 361 of the convolutions.
"""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph


def mlp0(*, batch: int = 1, dtype: str = "int8") -> Graph:
    """Five fully connected layers of 2048 x 2048: 21.0 million weights."""
    net = GraphBuilder("tpu_mlp0", dtype, fused_activations=True)
    x = net.input((batch, 2048))
    for i in range(1, 6):
        x = net.linear(x, 2048, activation="relu", name=f"fc{i}")
    return net.finish(x)


def lstm0(*, batch: int = 1, dtype: str = "int8") -> Graph:
    """The 24 matrix products of the LSTM, 768 and 2816 wide in turn: 51.9 million weights. Its elementwise layers are left out."""
    net = GraphBuilder("tpu_lstm0", dtype, fused_activations=True)
    x = net.input((batch, 768))
    for i in range(1, 25):
        x = net.linear(x, 2816 if i % 2 else 768, name=f"gates{i}")
    return net.finish(x)


def cnn0(*, batch: int = 1, dtype: str = "int8") -> Graph:
    """Sixteen 1x1 convolutions of 512 and 1024 channels in turn over 19 x 19: 8.4 million weights."""
    net = GraphBuilder("tpu_cnn0", dtype, fused_activations=True)
    x = net.input((batch, 512, 19, 19))
    for i in range(1, 17):
        x = net.conv(x, 1024 if i % 2 else 512, 1, activation="relu", name=f"conv{i}")
    return net.finish(x)
