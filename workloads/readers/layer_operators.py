"""Operators of a layer table: a row's names, shapes and window as an ONNX operator with its weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workloads.errors import GraphError, UnsupportedOperator, nearest
from workloads.graph import Tensor
from workloads.operators import RULES
from workloads.readers.layer_rows import Row, spatial
from workloads.readers.onnx_attributes import same_pads, shared_pads
from workloads.readers.tflite_operators import TRANSLATIONS

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """What a row is.

    Attributes
    ----------
    op : str
        ONNX operator name.
    attributes : dict
    weights : tuple of shape
        Constant operands behind the row's inputs, the bias last.
    positions : tuple of int or None
        Places of the weights among the operands; None puts them behind the inputs.
    """

    op: str
    attributes: dict[str, Any]
    weights: tuple[Shape, ...] = ()
    positions: tuple[int, ...] | None = None


#: ncnn operator -> ONNX operator, where the row needs nothing but its name.
NCNN_NAMES = {
    "absval": "Abs", "argmax": "ArgMax", "batchnorm": "BatchNormalization", "bnll": "Softplus", "binaryop": "BinaryOp", "clip": "Clip",
    "concat": "Concat", "convolution": "Conv", "convolution1d": "Conv", "convolutiondepthwise": "Conv", "convolutiondepthwise1d": "Conv",
    "convolution3d": "Conv", "crop": "Slice", "deconvolution": "ConvTranspose", "deconvolutiondepthwise": "ConvTranspose",
    "detectionoutput": "DetectionOutput", "dropout": "Dropout", "eltwise": "BinaryOp", "elu": "Elu", "embed": "Gather",
    "expanddims": "Reshape", "flatten": "Reshape", "gelu": "Gelu", "gemm": "Gemm", "groupnorm": "GroupNormalization",
    "hardsigmoid": "HardSigmoid", "hardswish": "HardSwish", "innerproduct": "Gemm", "input": "Input", "instancenorm": "InstanceNormalization",
    "interp": "Resize", "layernorm": "LayerNormalization", "lrn": "LRN", "memorydata": "MemoryData", "mish": "Mish",
    "multiheadattention": "MultiHeadAttention", "noop": "Identity", "padding": "Pad", "permute": "Transpose", "pixelshuffle": "DepthToSpace",
    "pooling": "Pooling", "pooling1d": "Pooling", "power": "Pow", "prelu": "PRelu", "priorbox": "PriorBox", "reduction": "Reduction",
    "relu": "Relu", "reorg": "SpaceToDepth", "reshape": "Reshape", "rmsnorm": "RMSNormalization", "rotaryembed": "RotaryEmbedding",
    "scale": "Scale", "sdpa": "Attention", "selu": "Selu", "shufflechannel": "ShuffleChannel", "sigmoid": "Sigmoid", "slice": "Split",
    "softmax": "Softmax", "softplus": "Softplus", "squeeze": "Reshape", "swish": "Swish", "tanh": "Tanh", "unaryop": "UnaryOp",
    "yolodetectionoutput": "YoloDetectionOutput", "yolov3detectionoutput": "Yolov3DetectionOutput",
}  # fmt: skip
#: What BinaryOp and Eltwise do (column ``act``) -> ONNX operator.
BINARY = {"": "Add", "add": "Add", "sum": "Add", "sub": "Sub", "mul": "Mul", "prod": "Mul", "div": "Div", "max": "Max", "min": "Min", "pow": "Pow"}
UNARY = {"abs": "Abs", "neg": "Neg", "floor": "Floor", "ceil": "Ceil", "sqrt": "Sqrt", "rsqrt": "Rsqrt", "exp": "Exp", "log": "Log", "tanh": "Tanh",
         "square": "Square", "reciprocal": "Reciprocal"}  # fmt: skip
REDUCTIONS = {"": "ReduceMean", "mean": "ReduceMean", "avg": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin",
              "prod": "ReduceProd"}  # fmt: skip


def canonical(row: Row) -> str:
    """ONNX name of a row's operator, from its ONNX, TFLite or ncnn name.

    ncnn's Slice is ONNX's Split where it has several outputs, ONNX's Slice where it has one.

    Raises
    ------
    UnsupportedOperator
        For a name none of them knows.
    """
    op = row.op
    if op.upper() in TRANSLATIONS and op.isupper():
        return TRANSLATIONS[op].op
    if op.lower() == "slice":
        return "Split" if len(row.out_shapes) > 1 else "Slice"
    if op in RULES:
        return op
    found = NCNN_NAMES.get(op.lower()) or {name.lower(): name for name in RULES}.get(op.lower())
    if found is None:
        raise UnsupportedOperator(
            f"row {row.line} '{row.name}': op '{op}' is not known; {nearest(op, [*RULES, *TRANSLATIONS, *NCNN_NAMES])}; "
            "add one class in workloads/operators/ and one line in RULES; or --allow-unmodelled"
        )
    return found


def layer_of(row: Row, inputs: Sequence[Tensor]) -> Layer:
    """The operator a row stands for.

    Parameters
    ----------
    row : Row
    inputs : sequence of Tensor
        What it reads, batch first.
    """
    op = canonical(row)
    for names, single in {**BINARY_ROWS, "Reduction": (REDUCTIONS, {}), "UnaryOp": (UNARY, {})}.items():
        if op == names:
            table = single[0]
            if row.act not in table:
                raise row.error(f"act '{row.act}'; one of {', '.join(name for name in table if name)} is expected")
            op = table[row.act]
            row = _without_act(row)
            break
    function = LAYERS.get(op, _plain)
    return function(row, op, inputs)


#: Rows whose ``act`` names what they do.
BINARY_ROWS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {"BinaryOp": (BINARY, {})}


def _without_act(row: Row) -> Row:
    from dataclasses import replace

    return replace(row, act="")


def _fused(row: Row) -> dict[str, Any]:
    return {"activation": row.activation} if row.activation else {}


def weights_with_bias(row: Row, weights: Sequence[Shape], bias: Shape) -> tuple[Shape, ...]:
    """Weights with a bias where ``params`` says so or says nothing; an error where it fits neither."""
    plain, vector = sum(math.prod(shape) for shape in weights), math.prod(bias)
    if row.params is None or row.params == plain + vector:
        return (*weights, bias)
    if row.params != plain:
        raise row.error(f"params {row.params}; {plain} without bias or {plain + vector} with it follow from its shapes")
    return tuple(weights)


def _weights_checked(row: Row, weights: Iterable[Shape]) -> tuple[Shape, ...]:
    weights = tuple(weights)
    own = sum(math.prod(shape) for shape in weights)
    if row.params is not None and row.params != own:
        raise row.error(f"params {row.params}; {own} follows from its shapes")
    return weights


def _first(row: Row, inputs: Sequence[Tensor]) -> Tensor:
    if not inputs:
        raise row.error("no in_shape; a shape like 64x56x56 is expected")
    return inputs[0]


def _pads(row: Row, sizes: Shape, kernel: Shape, strides: Shape, dilations: Shape, out: Shape) -> Shape:
    """Pads as ONNX writes them: as given, as ``same``, or the least that give ``out_shape``."""
    rank = len(kernel)
    if row.pad == "same":
        return same_pads(sizes, kernel, strides, dilations)
    if not row.pad:
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        return shared_pads([(o - 1) * s + r - n for o, s, r, n in zip(out, strides, reach, sizes, strict=True)], upper=True)
    try:
        numbers = [int(part) for part in row.pad.replace(",", " ").replace("x", " ").split()]
    except ValueError:
        raise row.error(f"pad '{row.pad}'; P, HxW, top,bottom,left,right or same is expected") from None
    if len(numbers) == 1:
        return tuple(numbers) * (2 * rank)
    if len(numbers) == rank:
        return (*numbers, *numbers)
    if len(numbers) == 2 * rank:
        return (*numbers[::2], *numbers[1::2])
    raise row.error(f"pad '{row.pad}' on {rank} spatial axes; P, HxW, top,bottom,left,right or same is expected")


def _window(row: Row, sizes: Shape, out: Shape) -> dict[str, Any]:
    """Kernel, strides, dilations and pads over the spatial axes."""
    rank = len(sizes)
    if row.kernel is None:
        raise row.error("no kernel; HxW is expected")
    kernel = spatial(row.kernel, rank, 1, row, "kernel")
    strides, dilations = spatial(row.stride, rank, 1, row, "stride"), spatial(row.dilation, rank, 1, row, "dilation")
    pads = _pads(row, sizes, kernel, strides, dilations, out)
    return {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": pads}


def _convolution(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    data, out = _first(row, inputs), row.out_shape
    channels, sizes = data.shape[1], data.shape[2:]
    if not sizes or len(out) != len(sizes) + 1:
        raise row.error(f"in_shape {_text(row.in_shape)}, out_shape {_text(out)}; channels and spatial sizes are expected in both")
    depthwise = "depthwise" in row.op.lower().replace("_", "")
    group = row.groups or (channels if depthwise and op == "Conv" else out[0] if depthwise else 1)
    if channels % group or out[0] % group:
        raise row.error(f"{channels} to {out[0]} channels in {group} groups; a common divisor is expected")
    if op == "ConvTranspose":
        return _transposed(row, data, group)
    window = _window(row, sizes, out[1:])
    weights = weights_with_bias(row, [(out[0], channels // group, *window["kernel_shape"])], (out[0],))
    return Layer(op, {**window, "group": group, **_fused(row)}, weights)


def _transposed(row: Row, data: Tensor, group: int) -> Layer:
    channels, sizes, out = data.shape[1], data.shape[2:], row.out_shape
    if row.kernel is None:
        raise row.error("no kernel; HxW is expected")
    rank = len(sizes)
    kernel, strides = spatial(row.kernel, rank, 1, row, "kernel"), spatial(row.stride, rank, 1, row, "stride")
    dilations = spatial(row.dilation, rank, 1, row, "dilation")
    full = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(sizes, strides, kernel, dilations, strict=True)]
    pads = shared_pads([f - o for f, o in zip(full, out[1:], strict=True)], upper=True)
    more = tuple(max(0, o - f) for f, o in zip(full, out[1:], strict=True))
    attributes = {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": pads, "output_padding": more, "group": group}
    weights = weights_with_bias(row, [(channels, out[0] // group, *kernel)], (out[0],))
    return Layer("ConvTranspose", {**attributes, **_fused(row)}, weights)


def _product(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """InnerProduct and Gemm: rows stay rows where input and output have as many; otherwise everything is flattened."""
    data, out = _first(row, inputs), row.out_shape
    if len(inputs) > 1:
        return _plain(row, "MatMul", inputs)
    rows_kept = len(out) > 1 and len(row.in_shape) == len(out) and row.in_shape[:-1] == out[:-1]
    columns, reduction = out[-1], data.shape[-1] if rows_kept else math.prod(data.shape[1:])
    if not rows_kept and math.prod(out) != columns:
        raise row.error(f"in_shape {_text(row.in_shape)} to out_shape {_text(out)}; equal rows, or one number of outputs, are expected")
    attributes = {"transA": 0, "transB": 1, "keep_num_dims": int(rows_kept), **_fused(row)}
    return Layer("Gemm", attributes, weights_with_bias(row, [(columns, reduction)], (columns,)))


def _matrix_product(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """MatMul: of two operands, or with a constant matrix."""
    data = _first(row, inputs)
    if len(inputs) > 1:
        turned = inputs[1].shape[-2] != data.shape[-1] and inputs[1].shape[-1] == data.shape[-1]
        return Layer("MatMul", {"transB": int(turned), **_fused(row)}, _weights_checked(row, ()))
    return Layer("MatMul", _fused(row), _weights_checked(row, [(data.shape[-1], row.out_shape[-1])]))


def _pooling(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Pooling by its ``act`` (max, avg), and MaxPool, AveragePool: global where it has no kernel or leaves one number per channel."""
    names = {"max": "Max", "avg": "Average", "average": "Average", "mean": "Average"}
    if op == "Pooling" and row.act not in names:
        raise row.error(f"act '{row.act}'; max or avg is expected")
    kind = names[row.act] if op == "Pooling" else op.removesuffix("Pool").removeprefix("Global")
    data, out = _first(row, inputs), row.out_shape
    sizes = data.shape[2:]
    _weights_checked(row, ())
    flat = len(out) == 1
    if flat or row.kernel is None or op.startswith("Global"):
        if out != (data.shape[1],) and math.prod(out[1:]) != 1:
            raise row.error(f"out_shape {_text(out)} without a kernel; {data.shape[1]} numbers, one per channel, are expected")
        return Layer(f"Global{kind}Pool", {"keepdims": 0} if flat else {})
    window = _window(row, sizes, out[1:])
    return Layer(f"{kind}Pool", {**window, "ceil_mode": int(_hangs_over(window, sizes, out[1:])), **({} if op == "Pooling" else _fused(row))})


def _hangs_over(window: dict[str, Any], sizes: Shape, out: Shape) -> bool:
    """True where only rounding up gives the output size."""
    rank = len(sizes)
    rows = zip(sizes, window["kernel_shape"], window["strides"], window["pads"][:rank], window["pads"][rank:], out, strict=True)
    return any((n + begin + end - k) // s + 1 < o for n, k, s, begin, end, o in rows)


def _binary(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Elementwise operators: a vector of channels goes with maps (``axis``); ``params`` is a constant operand."""
    attributes: dict[str, Any] = _fused(row)
    if len(inputs) > 1 and len(inputs[1].shape) < len(inputs[0].shape) and inputs[1].shape[1] == inputs[0].shape[1]:
        attributes["axis"] = 0
    if not row.params:
        return Layer(op, attributes)
    return Layer(op, attributes, (constant_operand(row, _first(row, inputs).shape, row.params),))


def constant_operand(row: Row, shape: Shape, elements: int) -> Shape:
    """Shape of a constant operand of so many elements: one number, one per channel, one per column, or a full tensor."""
    channels = (1, shape[1], *(1,) * (len(shape) - 2)) if len(shape) > 1 else shape
    for candidate in ((1,), channels, shape[-1:], (1, *shape[1:]), (1, *row.out_shape)):
        if math.prod(candidate) == elements:
            return candidate
    raise row.error(f"params {elements}; one number, one per channel or one per element is expected")


def _normalization(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """BatchNormalization (4 vectors), LayerNormalization (2 or none), RMSNormalization (1)."""
    shape = _first(row, inputs).shape
    size = shape[1] if op != "LayerNormalization" and op != "RMSNormalization" and len(shape) > 1 else shape[-1]
    vectors = 4 if op == "BatchNormalization" else row.params // size if row.params is not None else 1 if op == "RMSNormalization" else 2
    axis = {"axis": -1} if op in ("LayerNormalization", "RMSNormalization") else {}
    groups = {"num_groups": row.groups} if op == "GroupNormalization" and row.groups else {}
    return Layer(op, {**axis, **groups, **_fused(row)}, _weights_checked(row, [(size,)] * vectors))


def _scale(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """ncnn's Scale: a product, and a sum where it has two numbers per channel; two operations in one, like a batch norm."""
    channels = _first(row, inputs).shape[1]
    if row.params == 2 * channels:
        return Layer("Affine", _fused(row), ((channels,), (channels,)))
    return _binary(row, "Mul", inputs)


def _parametric_relu(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    shape = _first(row, inputs).shape
    return Layer(op, {}, (constant_operand(row, shape, row.params or 1),))


def _concat(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    out = row.out_shape
    shapes = [tensor.shape[1:] for tensor in inputs]
    for axis in range(len(out)):
        fits = all(len(shape) == len(out) and (*shape[:axis], *shape[axis + 1 :]) == (*out[:axis], *out[axis + 1 :]) for shape in shapes)
        if fits and sum(shape[axis] for shape in shapes) == out[axis]:
            return Layer(op, {"axis": axis + 1, **_fused(row)}, _weights_checked(row, ()))
    raise row.error(f"in_shape {' and '.join(map(_text, shapes))} to out_shape {_text(out)}; parts that add up on one axis are expected")


def _split(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    whole = _first(row, inputs).shape[1:]
    parts = row.out_shapes
    for axis in range(len(whole)):
        fits = all(len(part) == len(whole) and (*part[:axis], *part[axis + 1 :]) == (*whole[:axis], *whole[axis + 1 :]) for part in parts)
        if fits and sum(part[axis] for part in parts) == whole[axis]:
            return Layer("Split", {"axis": axis + 1, "split": tuple(part[axis] for part in parts)}, _weights_checked(row, ()))
    raise row.error(f"in_shape {_text(whole)} to out_shape {' and '.join(map(_text, parts))}; parts that add up on one axis are expected")


def _slice(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    whole, out = _first(row, inputs).shape[1:], row.out_shape
    if len(whole) != len(out) or any(o > w for o, w in zip(out, whole, strict=True)):
        raise row.error(f"in_shape {_text(whole)} to out_shape {_text(out)}; a part of the input is expected")
    axes = tuple(range(1, len(out) + 1))
    return Layer("Slice", {"starts": (0,) * len(out), "ends": out, "axes": axes, "steps": (1,) * len(out)}, _weights_checked(row, ()))


def _pad(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    before, out = _first(row, inputs).shape[1:], row.out_shape
    if len(before) != len(out) or any(o < b for o, b in zip(out, before, strict=True)):
        raise row.error(f"in_shape {_text(before)} to out_shape {_text(out)}; sizes at least as large are expected")
    pads = shared_pads([o - b for o, b in zip(out, before, strict=True)], upper=True)
    rank = len(out)
    return Layer("Pad", {"pads": (0, *pads[:rank], 0, *pads[rank:]), "mode": "constant"}, _weights_checked(row, ()))


def _reshape(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    _first(row, inputs)
    if math.prod(row.in_shape) != math.prod(row.out_shape):
        raise row.error(f"in_shape {_text(row.in_shape)} to out_shape {_text(row.out_shape)}; as many elements are expected")
    return Layer("Reshape", {"shape": (inputs[0].shape[0], *row.out_shape)}, _weights_checked(row, ()))


def _transpose(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """The order of axes that gives the output shape: channels last or first where several do, never the written order."""
    before, out = _first(row, inputs).shape[1:], row.out_shape
    rank = len(before)
    orders = sorted(itertools.permutations(range(rank)), key=lambda order: (order == tuple(range(rank)), order != (*range(1, rank), 0)))
    for order in orders if rank <= 6 else ():
        if tuple(before[axis] for axis in order) == out:
            return Layer("Transpose", {"perm": (0, *(axis + 1 for axis in order))}, _weights_checked(row, ()))
    raise row.error(f"in_shape {_text(before)} to out_shape {_text(out)}; the same sizes in another order are expected")


def _reduce(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    before, out = _first(row, inputs).shape[1:], row.out_shape
    rank = len(before)
    for count in range(rank + 1):
        for axes in itertools.combinations(range(rank), count):
            kept = tuple(size for axis, size in enumerate(before) if axis not in axes)
            ones = tuple(1 if axis in axes else size for axis, size in enumerate(before))
            if out in (kept, ones):
                attributes = {"axes": tuple(axis + 1 for axis in axes), "keepdims": int(out == ones), "noop_with_empty_axes": 1}
                return Layer(op, attributes, _weights_checked(row, ()))
    raise row.error(f"in_shape {_text(before)} to out_shape {_text(out)}; some axes reduced to 1 or left out are expected")


def _resize(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    modes = {"": "nearest", "nearest": "nearest", "bilinear": "linear", "linear": "linear", "bicubic": "cubic", "cubic": "cubic"}
    if row.act not in modes:
        raise row.error(f"act '{row.act}'; nearest, bilinear or bicubic is expected")
    mode = "linear" if row.op.upper() == "RESIZE_BILINEAR" else modes[row.act]
    return Layer("Resize", {"mode": mode, "sizes": row.out_shape[1:]}, _weights_checked(row, ()))


def _blocks(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    before, out = _first(row, inputs).shape[2:], row.out_shape[1:]
    small, large = (before, out) if op == "DepthToSpace" else (out, before)
    if not small or not large or large[0] % small[0]:
        raise row.error(f"in_shape {_text(row.in_shape)} to out_shape {_text(row.out_shape)}; whole blocks are expected")
    return Layer(op, {"blocksize": large[0] // small[0]}, _weights_checked(row, ()))


def _shuffle(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    return Layer(op, {"group": row.groups or 1}, _weights_checked(row, ()))


def _attention(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Attention with its four projections inside; ``groups`` is the number of heads (64 wide each where it is not given)."""
    width = _first(row, inputs).shape[-1]
    heads = row.groups or width // 64
    if not heads or width % heads:
        raise row.error(f"{heads} heads for a width of {width}; groups must be a divisor of the width")
    matrix, vector = (width, width), (width,)
    plain = 4 * width * width
    if row.params in (None, plain + 4 * width):
        return Layer("MultiHeadAttention", {"num_heads": heads}, (*[matrix] * 4, *[vector] * 4))
    if row.params != plain:
        raise row.error(f"params {row.params}; {plain} without bias or {plain + 4 * width} with it follow from its shapes")
    return Layer("MultiHeadAttention", {"num_heads": heads}, (matrix,) * 4)


def _plain_attention(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Query, key, value without projections; ``groups`` is the number of heads."""
    heads = row.groups or 1
    return Layer("Attention", {"q_num_heads": heads, "kv_num_heads": heads}, _weights_checked(row, ()))


def _embedding(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    width = row.out_shape[-1]
    if not row.params or row.params % width:
        raise row.error(f"params {row.params}; rows of {width} numbers are expected")
    return Layer("Gather", {"axis": 0}, ((row.params // width, width),), positions=(0,))


def _recurrent(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """LSTM, GRU, RNN: (time, width) to (time, hidden); twice the hidden size where ``params`` is that of two directions."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    width, hidden = _first(row, inputs).shape[-1], row.out_shape[-1]
    for directions in (1, 2):
        each = hidden // directions
        weights, bias = [(directions, gates * each, width), (directions, gates * each, each)], (directions, 2 * gates * each)
        plain = sum(map(math.prod, weights))
        if hidden % directions == 0 and row.params in (None, plain, plain + math.prod(bias)):
            attributes = {"hidden_size": each, "direction": "bidirectional" if directions == 2 else "forward", "layout": 1}
            return Layer(op, attributes, (*weights, *(() if row.params == plain else (bias,))))
    raise row.error(f"params {row.params}; {gates} gates of {hidden} x ({width} + {hidden}) weights, with or without two biases, are expected")


def _axis_last(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Softmax: over channels of maps, over the last axis of rows."""
    return Layer(op, {"axis": 1 if len(_first(row, inputs).shape) == 4 else -1}, _weights_checked(row, ()))


def _local_response(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    return Layer(op, {"size": row.kernel[0] if row.kernel else 5}, _weights_checked(row, ()))


def _plain(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """An operator that needs no attributes; a fused activation, and constants where ``params`` says so."""
    known = _fused(row) if RULES.get(op) is not None and op not in DETECTION else {}
    if row.params:
        return Layer(op, known, (constant_operand(row, _first(row, inputs).shape, row.params),))
    return Layer(op, known)


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))


DETECTION = frozenset({"DetectionOutput", "PriorBox", "YoloDetectionOutput", "Yolov3DetectionOutput"})
REDUCING = tuple(name for name in RULES if name.startswith("Reduce"))
ELEMENTWISE = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub", "SquaredDifference", "FloorDiv", "Mod")

LAYERS: dict[str, Callable[[Row, str, Sequence[Tensor]], Layer]] = {
    "Attention": _plain_attention,
    "AveragePool": _pooling,
    "BatchNormalization": _normalization,
    "Concat": _concat,
    "Crop": _slice,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "DepthToSpace": _blocks,
    "Flatten": _reshape,
    "GRU": _recurrent,
    "Gather": _embedding,
    "Gemm": _product,
    "GlobalAveragePool": _pooling,
    "GlobalMaxPool": _pooling,
    "GroupNormalization": _normalization,
    "InstanceNormalization": _normalization,
    "LRN": _local_response,
    "LSTM": _recurrent,
    "LayerNormalization": _normalization,
    "LogSoftmax": _axis_last,
    "MatMul": _matrix_product,
    "MaxPool": _pooling,
    "MultiHeadAttention": _attention,
    "PRelu": _parametric_relu,
    "Pad": _pad,
    "Pooling": _pooling,
    "RMSNormalization": _normalization,
    "RNN": _recurrent,
    "Reshape": _reshape,
    "Resize": _resize,
    "Scale": _scale,
    "ShuffleChannel": _shuffle,
    "Slice": _slice,
    "Softmax": _axis_last,
    "SpaceToDepth": _blocks,
    "Split": _split,
    "Squeeze": _reshape,
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
    "Upsample": _resize,
    **dict.fromkeys(ELEMENTWISE, _binary),
    **dict.fromkeys(REDUCING, _reduce),
}
