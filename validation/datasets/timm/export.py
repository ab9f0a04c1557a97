"""Write ``networks.jsonl.xz``: the operators of every measured timm model, shapes only.

Runs in an environment of its own with torch and timm (no weights are made: models live on the meta device):

    python validation/datasets/timm/export.py MODELS.csv networks.jsonl.xz JOBS

``MODELS.csv`` names the models (columns ``model``, ``img_size``). Each is run once on two images while a dispatch mode writes down
the operators that PyTorch would start, brought to ONNX names; fused attention and recurrent layers are written down whole. Two
images, so that an axis of images is told from an axis of one. A second list with re-parameterised branches merged is kept where
it differs.

The file holds one JSON value a line: a head; one line per distinct operator (name, attributes, operands, output shapes), where an
operand is ``"x"`` for the result of an operator before it, a shape for a constant; then one line per distinct network: input shape,
a list of distinct operators by number, and for each ``"x"`` how many results back it was made. Last, a line of names.
"""

from __future__ import annotations

import csv
import json
import lzma
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from multiprocessing import Pool
from typing import Any

import timm
import torch
from timm.utils.model import reparameterize_model
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

IMAGES = 2

#: aten operator -> ONNX name, for operators of elements that take no attributes.
ELEMENTWISE = {
    "add": "Add", "add_": "Add", "addcmul": "Add", "sub": "Sub", "rsub": "Sub", "mul": "Mul", "mul_": "Mul", "div": "Div",
    "div_": "Div", "neg": "Neg", "sin": "Sin", "cos": "Cos", "pow": "Pow", "rsqrt": "Rsqrt", "maximum": "Max", "bitwise_not": "Not",
    "relu": "Relu", "relu_": "Relu", "gelu": "Gelu", "silu": "Swish", "silu_": "Swish", "sigmoid": "Sigmoid",
    "sigmoid_": "Sigmoid", "tanh": "Tanh", "tanh_": "Tanh", "hardswish": "HardSwish", "hardswish_": "HardSwish",
    "hardsigmoid": "HardSigmoid", "hardsigmoid_": "HardSigmoid", "hardtanh": "Clip", "hardtanh_": "Clip", "clamp_min": "Clip",
    "leaky_relu": "LeakyRelu", "leaky_relu_": "LeakyRelu", "exp": "Exp", "sqrt": "Sqrt", "mish": "Mish", "_to_copy": "Cast",
}  # fmt: skip
REDUCTIONS = {
    "mean": "ReduceMean", "sum": "ReduceSum", "amax": "ReduceMax", "var": "ReduceMean", "linalg_vector_norm": "ReduceL2",
    "max": "ReduceMax",
}  # fmt: skip
POOLS = {"avg_pool2d": "AveragePool", "max_pool2d_with_indices": "MaxPool"}
RESIZES = ("upsample_bilinear2d", "upsample_nearest2d", "upsample_bicubic2d", "_upsample_bicubic2d_aa", "_upsample_bilinear2d_aa",
           "upsample_linear1d")  # fmt: skip
RESHAPES = ("view", "_unsafe_view", "unsqueeze", "squeeze")
SAME = ("alias", "detach", "lift_fresh", "as_strided_")
SLICED_AWAY = 2**31 - 1


class Recorder:
    """Values are numbered in the order they are made; a tensor stands for the last value written to it."""

    def __init__(self, image: torch.Tensor) -> None:
        self.alive: list[Any] = [image]
        self.number: dict[int, int] = {id(image): 0}
        self.count = 1
        self.rows: list[tuple[str, dict[str, Any], list[Any], list[list[int]], list[int]]] = []

    def operand(self, tensor: torch.Tensor) -> tuple[Any, int | None]:
        """``"x"`` and the value's number, or the shape of a constant."""
        number = self.number.get(id(tensor))
        return (list(tensor.shape), None) if number is None else ("x", number)

    def write(
        self, op: str, attributes: dict[str, Any], inputs: Sequence[torch.Tensor | None], outputs: Sequence[torch.Tensor]
    ) -> None:
        """Put down one operator; its outputs get new numbers. What has no elements is no value and no operand."""
        if any(tensor.numel() == 0 for tensor in outputs):
            return
        operands, sources = [], []
        for tensor in inputs:
            if tensor is not None and tensor.numel() == 0:
                continue
            kind, number = self.operand(tensor) if tensor is not None else ("", None)
            operands.append(kind)
            sources.extend([] if number is None else [self.count - number])
        self.rows.append((op, attributes, operands, [list(t.shape) for t in outputs], sources))
        for tensor in outputs:
            self.alive.append(tensor)
            self.number[id(tensor)] = self.count
            self.count += 1

    def same(self, source: torch.Tensor, result: torch.Tensor) -> None:
        """A tensor that is the same value as another."""
        self.alive.append(result)
        number = self.number.get(id(source))
        if number is not None:
            self.number[id(result)] = number
        else:
            self.number.pop(id(result), None)


def axes_of(value: Any, rank: int) -> list[int]:
    """Axes as a list of numbers from 0."""
    axes = list(range(rank)) if value is None or value == [] else [value] if isinstance(value, int) else list(value)
    return [axis % rank for axis in axes]


class Operators(TorchDispatchMode):
    """Writes down every operator below the composite ones."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.off = 0
        self.cloned: tuple[torch.Tensor, torch.Tensor, bool] | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.off:
            self.note(func._schema.name.split("::")[1], args, kwargs or {}, result)
        return result

    def note(self, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        """Translate one call."""
        record, outputs = (
            self.recorder,
            [t for t in (result if isinstance(result, list | tuple) else [result]) if torch.is_tensor(t)],
        )
        tensors = [a for a in args if torch.is_tensor(a)]
        self.settle_clone(name, args)
        if name == "clone":
            self.cloned = (args[0], outputs[0], kwargs.get("memory_format") == torch.contiguous_format)
        elif name in SAME:
            record.same(args[0], outputs[0])
        elif not tensors and name not in ("cat", "stack", "index"):
            return  # made of nothing: a constant
        elif name in ELEMENTWISE:
            if record.operand(tensors[0])[1] is None and len(tensors) == 1 and name == "_to_copy":
                return
            attributes = {"to": str(outputs[0].dtype)[6:]} if name == "_to_copy" else {}
            record.write(ELEMENTWISE[name], attributes, tensors, outputs)
        elif name in RESHAPES:
            write_view(record, "Reshape", {"shape": list(outputs[0].shape)}, args[0], outputs)
        elif name in WRITERS:
            WRITERS[name](record, args, kwargs, outputs)
        elif name in REDUCTIONS:
            axes = axes_of(args[2 if name == "linalg_vector_norm" else 1] if len(args) > 1 else None, args[0].dim())
            keep = int(outputs[0].dim() == args[0].dim())
            record.write(REDUCTIONS[name], {"axes": axes, "keepdims": keep}, tensors[:1], outputs[:1])
        elif name in RESIZES:
            record.write(
                "Resize", {"scales": [b / a for a, b in zip(args[0].shape, outputs[0].shape, strict=True)]}, tensors[:1], outputs
            )
        else:
            raise NotImplementedError(name)

    def settle_clone(self, name: str, args: Any) -> None:
        """A copy that a reshape makes belongs to the reshape; any other is an operator."""
        if self.cloned is None:
            return
        source, result, by_rows = self.cloned
        self.cloned = None
        if name == "_unsafe_view" and args[0] is result:
            self.recorder.same(source, result)
        else:
            write_view(self.recorder, "Identity", {"copy": "rows" if by_rows else "same"}, source, [result])


def write_view(
    record: Recorder, op: str, attributes: dict[str, Any], source: torch.Tensor, outputs: Sequence[torch.Tensor]
) -> None:
    """A view of a value; views of constants stay constants."""
    if record.operand(source)[1] is not None:
        record.write(op, attributes, [source], outputs)


def convolution(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    image, weight, bias, strides, pads, dilations, transposed, _, group = args[:9]
    rank = weight.dim() - 2
    attributes = {
        "kernel_shape": list(weight.shape[2:]), "strides": list(strides) * (rank // len(strides)),
        "pads": list(pads) * (rank // len(pads)) * 2, "dilations": list(dilations) * (rank // len(dilations)), "group": group,
    }  # fmt: skip
    record.write(
        "ConvTranspose" if transposed else "Conv", attributes, [image, weight, *([bias] if bias is not None else [])], outputs
    )


def product(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    """addmm(bias, a, b), mm(a, b): a weight is ``b``, columns by rows of its parameter."""
    first, second = args[-2:]
    bias = [args[0]] if len(args) == 3 else []
    if record.operand(second)[1] is None:
        stored = torch.empty(second.shape[1], second.shape[0], device="meta")
        record.write("Gemm", {"transA": 0, "transB": 1}, [first, stored, *bias], outputs)
    else:
        record.write("Gemm", {"transA": 0, "transB": 0}, [first, second, *bias], outputs)


def batch_norm(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    channels = torch.empty(args[0].shape[1], device="meta")
    record.write("BatchNormalization", {}, [args[0], channels, channels, channels, channels], outputs[:1])


def layer_norm(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    vectors = [t if t is not None else None for t in args[2:4]]
    record.write(
        "LayerNormalization", {"axis": args[0].dim() - len(args[1])}, [args[0], *(t for t in vectors if t is not None)], outputs[:1]
    )


def group_norm(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    record.write("GroupNormalization", {"num_groups": args[6]}, [t for t in args[:3] if t is not None], outputs[:1])


def pool(op: str) -> Callable[..., None]:
    def write(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
        pair = lambda value: [value[0], value[-1]]  # noqa: E731
        kernel = pair(args[1])
        strides = pair(args[2]) if len(args) > 2 and args[2] else kernel
        pads = pair(args[3]) if len(args) > 3 else [0, 0]
        ceil = any(flag is True for flag in args[4:])
        attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads * 2, **({"ceil_mode": 1} if ceil else {})}
        record.write(op, attributes, args[:1], outputs[:1])

    return write


def global_pool(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    sizes = list(zip(args[0].shape[2:], outputs[0].shape[2:], strict=True))
    strides = [before // after for before, after in sizes]
    window = [before - (after - 1) * stride for (before, after), stride in zip(sizes, strides, strict=True)]
    record.write("AveragePool", {"kernel_shape": window, "strides": strides, "pads": [0] * 4}, args[:1], outputs[:1])


def joined(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    axis = args[1] if len(args) > 1 else 0
    record.write("Concat", {"axis": axis % args[0][0].dim()}, args[0], outputs)


def stacked(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    axis = args[1] if len(args) > 1 else 0
    record.write("Pack", {"axis": axis % outputs[0].dim()}, args[0], outputs)


def permuted(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    write_view(record, "Transpose", {"perm": [axis % args[0].dim() for axis in args[1]]}, args[0], outputs)


def swapped(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    rank = args[0].dim()
    first, second = (axis % rank for axis in (args[1:3] if len(args) == 3 else (0, 1)))
    order = list(range(rank))
    order[first], order[second] = second, first
    write_view(record, "Transpose", {"perm": order}, args[0], outputs)


def sliced(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    axis, start, end, step = (*args[1:], *(0, None, None, 1)[len(args) - 1 :])
    if outputs[0].shape == args[0].shape:
        record.same(args[0], outputs[0])
        return
    last = SLICED_AWAY if end is None or end > SLICED_AWAY else end
    attributes = {"starts": [start or 0], "ends": [last], "axes": [axis % args[0].dim()], "steps": [step]}
    write_view(record, "Slice", attributes, args[0], outputs)


def selected(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    axis, place = args[1] % args[0].dim(), args[2] % args[0].shape[args[1]]
    attributes = {"starts": [place], "ends": [place + 1], "axes": [axis], "squeezed": [axis]}
    write_view(record, "Slice", attributes, args[0], outputs)


def unbound(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    axis = (args[1] if len(args) > 1 else 0) % args[0].dim()
    for place, output in enumerate(outputs):
        attributes = {"starts": [place], "ends": [place + 1], "axes": [axis], "squeezed": [axis]}
        write_view(record, "Slice", attributes, args[0], [output])


def split(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    axis = (args[2] if len(args) > 2 else kwargs.get("dim", 0)) % args[0].dim()
    write_view(record, "Split", {"axis": axis, "split": [t.shape[axis] for t in outputs]}, args[0], outputs)


def expanded(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    if outputs[0].shape == args[0].shape:
        record.same(args[0], outputs[0])
    elif record.operand(args[0])[1] is None:
        record.write("Expand", {"shape": list(outputs[0].shape)}, [args[0]], outputs)
    else:
        write_view(record, "Expand", {"shape": list(outputs[0].shape)}, args[0], outputs)


def padded(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    begins, ends = [0] * args[0].dim(), [0] * args[0].dim()
    for place in range(len(args[1]) // 2):
        begins[-1 - place], ends[-1 - place] = args[1][2 * place : 2 * place + 2]
    record.write("Pad", {"pads": begins + ends}, args[:1], outputs)


def gathered(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    """Indexing, unfolding, repeating copy what they pick."""
    record.write("Rearrange", {"shape": list(outputs[0].shape)}, args[:1], outputs)


def softmax(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    record.write("Softmax", {"axis": args[1] % args[0].dim()}, args[:1], outputs)


def matrices(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    record.write("MatMul", {}, args[-2:], outputs)


def written_into(record: Recorder, args: Any, kwargs: Any, outputs: Any) -> None:
    record.write("Rearrange", {"shape": list(outputs[0].shape)}, args[1:2], outputs)


#: aten operator -> what writes it down.
WRITERS: dict[str, Callable[..., None]] = {
    "convolution": convolution, "addmm": product, "mm": product, "bmm": matrices, "baddbmm": matrices, "native_batch_norm": batch_norm,
    "native_layer_norm": layer_norm, "native_group_norm": group_norm, "avg_pool2d": pool("AveragePool"),
    "max_pool2d_with_indices": pool("MaxPool"), "_adaptive_avg_pool2d": global_pool, "adaptive_max_pool2d": global_pool,
    "cat": joined, "stack": stacked, "permute": permuted, "transpose": swapped, "t": swapped, "slice": sliced, "select": selected,
    "unbind": unbound, "split": split, "split_with_sizes": split, "unsafe_split": split, "expand": expanded,
    "constant_pad_nd": padded, "reflection_pad2d": padded, "index": gathered, "repeat": gathered, "unfold": gathered,
    "im2col": gathered, "col2im": gathered, "cumsum": gathered, "copy_": written_into, "_softmax": softmax, "_safe_softmax": softmax,
}  # fmt: skip


class Functions(TorchFunctionMode):
    """Attention and recurrent layers, written down whole."""

    def __init__(self, recorder: Recorder, operators: Operators) -> None:
        super().__init__()
        self.recorder, self.operators = recorder, operators

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.nn.functional.scaled_dot_product_attention and args[0].dim() == 4:
            return self.attention(*args, **kwargs)
        if getattr(func, "__name__", "") == "lstm" and isinstance(args[2], list):
            return self.lstm(func, args, kwargs)
        return func(*args, **kwargs)

    def attention(self, query: Any, key: Any, value: Any, attn_mask: Any = None, *rest: Any, **options: Any) -> Any:
        """Fused kernels take four axes; with more or fewer PyTorch writes attention out, and so does this."""
        batch, heads, tokens, width = (*query.shape[:3], value.shape[-1])
        self.operators.off += 1
        result = torch.empty(batch, tokens, heads, width, device="meta").transpose(1, 2)
        self.operators.off -= 1
        mask = [attn_mask] if torch.is_tensor(attn_mask) else []
        self.recorder.write("Attention", {}, [query, key, value, *mask], [result])
        return result

    def lstm(self, func: Any, args: Any, kwargs: Any) -> Any:
        image, weights, directions = args[0], args[2], 2 if args[7] else 1
        hidden = weights[0].shape[0] // 4
        self.operators.off += 1
        result = func(*args, **kwargs)
        made = [torch.empty(directions, 4 * hidden, size, device="meta") for size in (image.shape[-1], hidden)]
        apart = torch.empty(*image.shape[:2], directions, hidden, device="meta")
        self.operators.off -= 1
        self.recorder.write("LSTM", {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward", "layout": 1},
                            [image, *made], [apart])  # fmt: skip
        self.recorder.write("Reshape", {"shape": list(result[0].shape)}, [apart], [result[0]])
        return result


def recorded(model: torch.nn.Module, size: int) -> Recorder:
    """Run a model once and give what it did."""
    image = torch.empty(IMAGES, 3, size, size, device="meta")
    recorder = Recorder(image)
    operators = Operators(recorder)
    with torch.no_grad(), operators, Functions(recorder, operators):
        model(image)
    return recorder


def created(name: str, size: int) -> torch.nn.Module:
    """A timm model for one size; names with a tag of training are tried without it first: some of them are mapped elsewhere now."""
    plain = re.sub(r"^(ig|ssl|swsl)_|_(sam|in22ft1k)$", "", name)
    for option in ({"img_size": size}, {}):
        for candidate in dict.fromkeys((plain, name)):
            try:
                with torch.device("meta"):
                    return timm.create_model(candidate, pretrained=False, **option).eval()
            except Exception as problem:
                last = problem
    raise last


Forms = list[list[tuple[str, list[int]]]]


def forms_of(name: str, size: int) -> tuple[str, Forms] | str:
    """Module of a model and its operators as trained and with branches merged; or why it has none."""
    warnings.filterwarnings("ignore")
    try:
        model = created(name, size)
        module = type(model).__module__.rsplit(".", 1)[-1]
        trained = recorded(model, size)
        with torch.device("meta"):
            merged = recorded(reparameterize_model(model), size)
    except Exception as problem:
        return f"{name} {size}: {type(problem).__name__} {str(problem)[:120]}"
    return module, [[(json.dumps(row[:4]), row[4]) for row in recorder.rows] for recorder in (trained, merged)]


def main(models: str, target: str, jobs: int = 1) -> None:
    """Write the table of every model in a list."""
    operators: dict[str, int] = {}
    networks: dict[str, int] = {}
    names: list[list[Any]] = []
    with open(models, encoding="utf-8") as file:
        listed = [(row["model"], int(row["img_size"])) for row in csv.DictReader(file)]
    with Pool(jobs) as pool:
        results = pool.starmap(forms_of, listed, chunksize=4)
    for (name, size), found in zip(listed, results, strict=True):
        if isinstance(found, str):
            print(found, file=sys.stderr)
            continue
        places = []
        for rows in found[1]:
            numbers = [operators.setdefault(line, len(operators)) for line, _ in rows]
            line = json.dumps([[IMAGES, 3, size, size], numbers, [place for _, back in rows for place in back]])
            places.append(networks.setdefault(line, len(networks)))
        names.append([name, size, found[0], *places])
    head = {"format": 1, "images": IMAGES, "torch": torch.__version__, "timm": timm.__version__,
            "columns": ["model", "img_size", "module", "trained", "merged"],
            "operators": len(operators), "networks": len(networks)}  # fmt: skip
    with lzma.open(target, "wt", preset=9 | lzma.PRESET_EXTREME, encoding="utf-8") as file:
        file.write("\n".join([json.dumps(head), *operators, *networks, json.dumps(names)]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1)
