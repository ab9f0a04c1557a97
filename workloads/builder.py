"""GraphBuilder: a network written down in code, layer after layer.

Every method takes the names of its inputs and returns the name of its output. Tensors are laid out NCHW (channels on axis 1), token
tensors batch x tokens x features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workloads.draft import Draft
from workloads.errors import GraphError, nearest
from workloads.graph import Operator, WeightFacts
from workloads.operators.windows import window_of

#: Name of an activation -> ONNX operator and its attributes.
ACTIVATION_OPERATORS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "relu": ("Relu", {}),
    "relu6": ("Clip", {"min": 0.0, "max": 6.0}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.01}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard_swish": ("HardSwish", {}),
    "silu": ("Swish", {}),
    "gelu": ("Gelu", {}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
}

Sizes = int | Sequence[int]
Padding = int | str | Sequence[int]


class GraphBuilder(Draft):
    """Builds a :class:`~workloads.graph.Graph` layer by layer; any operator of the rule table with :meth:`add`.

    Parameters
    ----------
    name : str
        Name of the network.
    dtype : str
        Element type of activations and weights. Biases of an integer network are int32, as deployed.
    fused_activations : bool
        Whether an activation asked for by a layer is fused into it (deployed graphs) or stands as an operator of its own.

    Examples
    --------
    >>> net = GraphBuilder("tiny")
    >>> x = net.input((1, 3, 32, 32))
    >>> x = net.conv(x, 8, kernel=3, stride=2, padding=1, activation="relu")
    >>> x = net.linear(net.flatten(net.global_average_pool(x)), 10)
    >>> graph = net.finish(x)
    >>> [operator.op for operator in graph.operators], graph.outputs[0].shape
    (['Conv', 'Relu', 'GlobalAveragePool', 'Flatten', 'Gemm'], (1, 10))
    """

    def __init__(self, name: str, dtype: str = "fp32", fused_activations: bool = False) -> None:
        super().__init__(name, dtype)
        self.fused_activations = fused_activations

    def conv(
        self, source: str, channels: int, kernel: Sizes, stride: Sizes = 1, padding: Padding = 0, *, dilation: Sizes = 1,
        groups: int = 1, bias: bool = True, activation: str | None = None, name: str | None = None,
        facts: WeightFacts | None = None,
    ) -> str:  # fmt: skip
        """Convolution over 1, 2 or 3 spatial axes, as many as the input has.

        ``padding`` is a number, one per axis, all begins then all ends, or ``"same"`` (output = ceil(input / stride), the
        odd one at the end); ``facts`` is what is known of the weights' values.
        """
        shape = self.shape(source)
        spatial = shape[2:]
        steps, spread = _per_axis(stride, len(spatial)), _per_axis(dilation, len(spatial))
        window = _per_axis(kernel, len(spatial))
        if groups < 1 or shape[1] % groups or channels % groups:
            raise GraphError(
                f"network '{self.name}': {shape[1]} into {channels} channels in {groups} groups; multiples of {groups} are expected"
            )
        label = self._label("Conv", name, taken=False)
        operands = [source, self._weight_of(label, "weight", (channels, shape[1] // groups, *window), facts=facts)]
        if bias:
            operands.append(self._weight_of(label, "bias", (channels,), self.bias_dtype))
        return self._activated(
            "Conv", operands, name, activation, kernel_shape=window, strides=steps, dilations=spread, group=groups,
            pads=pads_of(padding, spatial, window, steps, spread),
        )  # fmt: skip

    def depthwise(self, source: str, kernel: Sizes, stride: Sizes = 1, padding: Padding = 0, **options: Any) -> str:
        """Convolution of every channel with its own filter; options as in :meth:`conv`."""
        channels = self.channels(source)
        return self.conv(source, channels, kernel, stride, padding, groups=channels, **options)

    def batch_norm(self, source: str, *, name: str | None = None) -> str:
        """Batch normalisation at inference: scale, shift, mean and variance per channel."""
        label = self._label("BatchNormalization", name, taken=False)
        channels = (self.channels(source),)
        parts = [self._weight_of(label, part, channels) for part in ("scale", "bias", "mean", "variance")]
        return self.add("BatchNormalization", [source, *parts], name=name, epsilon=1e-5)

    def conv_norm(
        self, source: str, channels: int, kernel: Sizes, stride: Sizes = 1, padding: Padding | None = None, *,
        activation: str | None = "relu", bias: bool = False, name: str | None = None, **options: Any,
    ) -> str:  # fmt: skip
        """Convolution (padding ``kernel // 2`` unless given), batch norm, activation."""
        if padding is None:
            padding = tuple(size // 2 for size in _per_axis(kernel, len(self.shape(source)) - 2))
        source = self.conv(source, channels, kernel, stride, padding, bias=bias, name=name, **options)
        source = self.batch_norm(source, name=name and f"{name}.norm")
        return self.activation(source, activation, name=name and f"{name}.{activation}") if activation else source

    def depthwise_norm(self, source: str, kernel: Sizes, stride: Sizes = 1, padding: Padding | None = None, **options: Any) -> str:
        """Depthwise convolution, batch norm, activation; options as in :meth:`conv_norm`."""
        channels = self.channels(source)
        return self.conv_norm(source, channels, kernel, stride, padding, groups=channels, **options)

    def linear(
        self, source: str, features: int, *, bias: bool = True, activation: str | None = None, name: str | None = None,
        weight: str | None = None,
    ) -> str:  # fmt: skip
        """Fully connected layer over the last axis; ``weight`` shares an existing (features x inputs) tensor."""
        label = self._label("Gemm", name, taken=False)
        operands = [source, weight or self._weight_of(label, "weight", (features, self.shape(source)[-1]))]
        if bias:
            operands.append(self._weight_of(label, "bias", (features,), self.bias_dtype))
        shaped = {"keep_num_dims": 1} if len(self.shape(source)) > 2 else {}
        return self._activated("Gemm", operands, name, activation, transB=1, **shaped)

    def layer_norm(self, source: str, *, bias: bool = True, name: str | None = None) -> str:
        """Layer normalisation over the last axis."""
        label = self._label("LayerNormalization", name, taken=False)
        features = self.shape(source)[-1:]
        operands = [source, self._weight_of(label, "scale", features)]
        if bias:
            operands.append(self._weight_of(label, "bias", features))
        return self.add("LayerNormalization", operands, name=name, axis=-1)

    def rms_norm(self, source: str, *, name: str | None = None) -> str:
        """Root-mean-square normalisation over the last axis."""
        label = self._label("RMSNormalization", name, taken=False)
        scale = self._weight_of(label, "scale", self.shape(source)[-1:])
        return self.add("RMSNormalization", [source, scale], name=name, axis=-1)

    def embedding(self, indices: str, table: str, *, name: str | None = None) -> str:
        """Rows of ``table`` chosen by ``indices``."""
        return self.add("Gather", [table, indices], name=name, axis=0)

    def activation(self, source: str, kind: str, *, name: str | None = None) -> str:
        """An activation as an operator of its own."""
        if kind not in ACTIVATION_OPERATORS:
            raise GraphError(f"network '{self.name}': activation '{kind}' is not known; {nearest(kind, ACTIVATION_OPERATORS)}")
        op, attributes = ACTIVATION_OPERATORS[kind]
        return self.add(op, source, name=name, **attributes)

    def max_pool(
        self, source: str, kernel: Sizes, stride: Sizes | None = None, padding: Padding = 0, *, ceil: bool = False,
        name: str | None = None,
    ) -> str:  # fmt: skip
        """Largest element of each window; ``ceil`` keeps windows that stick out at the end."""
        return self._pool("MaxPool", source, kernel, stride, padding, ceil, name)

    def average_pool(
        self, source: str, kernel: Sizes, stride: Sizes | None = None, padding: Padding = 0, *, ceil: bool = False,
        name: str | None = None, count_include_pad: bool = False,
    ) -> str:  # fmt: skip
        """Mean of each window."""
        return self._pool("AveragePool", source, kernel, stride, padding, ceil, name, count_include_pad=int(count_include_pad))

    def global_average_pool(self, source: str, *, name: str | None = None) -> str:
        """Mean over all spatial axes, which stay with size 1."""
        return self.add("GlobalAveragePool", source, name=name)

    def plus(self, left: str, right: str, *, activation: str | None = None, name: str | None = None) -> str:
        """Elementwise sum."""
        return self._activated("Add", [left, right], name, activation)

    def times(self, left: str, right: str, *, name: str | None = None) -> str:
        """Elementwise product."""
        return self.add("Mul", [left, right], name=name)

    def concat(self, sources: Sequence[str], axis: int = 1, *, name: str | None = None) -> str:
        """Tensors side by side along one axis."""
        return self.add("Concat", sources, name=name, axis=axis)

    def split(self, source: str, sizes: Sequence[int], axis: int = 1, *, name: str | None = None) -> tuple[str, ...]:
        """A tensor cut along one axis."""
        return self.add_several("Split", source, len(sizes), name=name, axis=axis, split=tuple(sizes))

    def softmax(self, source: str, axis: int = -1, *, name: str | None = None) -> str:
        """Exponentials over their sum."""
        return self.add("Softmax", source, name=name, axis=axis)

    def flatten(self, source: str, *, name: str | None = None) -> str:
        """Batch x everything else."""
        return self.add("Flatten", source, name=name, axis=1)

    def reshape(self, source: str, shape: Sequence[int], *, name: str | None = None) -> str:
        """The same elements in another shape."""
        return self.add("Reshape", source, name=name, shape=tuple(shape))

    def transpose(self, source: str, permutation: Sequence[int], *, name: str | None = None) -> str:
        """Axes in another order."""
        return self.add("Transpose", source, name=name, perm=tuple(permutation))

    def matmul(self, left: str, right: str, *, name: str | None = None) -> str:
        """Matrix product over the last two axes."""
        return self.add("MatMul", [left, right], name=name)

    def _activated(self, op: str, operands: Sequence[str], name: str | None, activation: str | None, **attributes: Any) -> str:
        """An operator with its activation, fused or after it."""
        if activation and activation not in ACTIVATION_OPERATORS:
            raise GraphError(
                f"network '{self.name}': activation '{activation}' is not known; {nearest(activation, ACTIVATION_OPERATORS)}"
            )
        if activation and self.fused_activations:
            return self.add(op, operands, name=name, activation=activation, **attributes)
        result = self.add(op, operands, name=name, **attributes)
        return self.activation(result, activation, name=name and f"{name}.{activation}") if activation else result

    def _pool(
        self, op: str, source: str, kernel: Sizes, stride: Sizes | None, padding: Padding, ceil: bool, name: str | None, **more: Any
    ) -> str:
        spatial = self.shape(source)[2:]
        window = _per_axis(kernel, len(spatial))
        steps = window if stride is None else _per_axis(stride, len(spatial))
        pads = pads_of(padding, spatial, window, steps, (1,) * len(spatial))
        return self.add(op, source, name=name, kernel_shape=window, strides=steps, pads=pads, ceil_mode=int(ceil), **more)


def pads_of(
    padding: Padding, spatial: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    """Explicit padding, all begins then all ends; ``"same"`` gives ceil(size / stride) outputs, the odd position at the end.

    >>> pads_of("same", (49, 10), (10, 4), (2, 2), (1, 1))
    (4, 1, 5, 1)
    """
    if padding == "same":
        attributes = {"strides": tuple(strides), "dilations": tuple(dilations), "auto_pad": "SAME_UPPER"}
        window = window_of(Operator("padding", "Conv", (), (), attributes), tuple(spatial), tuple(kernel))
        return (*window.begins, *window.ends)
    if isinstance(padding, str):
        raise GraphError(f"padding: '{padding}'; a number, one per axis, all begins then all ends, or 'same' is expected")
    sides = (padding,) * len(spatial) if isinstance(padding, int) else tuple(padding)
    if len(sides) not in (len(spatial), 2 * len(spatial)):
        raise GraphError(f"padding: {sides} for {len(spatial)} axes; {len(spatial)} or {2 * len(spatial)} numbers are expected")
    return sides if len(sides) == 2 * len(spatial) else (*sides, *sides)


def _per_axis(size: Sizes, axes: int) -> tuple[int, ...]:
    sizes = (size,) * axes if isinstance(size, int) else tuple(size)
    if len(sizes) != axes:
        raise GraphError(f"sizes {sizes} for {axes} spatial axes; one number or {axes} are expected")
    return sizes
