"""ONNX attributes in one form, whatever opset wrote them: defaults filled in, padding as numbers, parameters as attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from workloads.graph import Operator
from workloads.operators.rule import Operands
from workloads.readers.constants import Constant
from workloads.readers.onnx_model import plain_attribute

#: Parameters that newer opsets pass as operands: position -> attribute. Shapes that hold the batch stay operands alone.
PARAMETERS: dict[str, dict[int, str]] = {
    "CenterCropPad": {1: "shape"},
    "Clip": {1: "min", 2: "max"},
    "CumSum": {1: "axis"},
    "NonMaxSuppression": {2: "max_output_boxes_per_class"},
    "OneHot": {1: "depth"},
    "Pad": {1: "pads", 3: "axes"},
    "Resize": {2: "scales"},
    "Slice": {1: "starts", 2: "ends", 3: "axes", 4: "steps"},
    "Split": {1: "split"},
    "Squeeze": {1: "axes"},
    "Tile": {1: "repeats"},
    "TopK": {1: "k"},
    "Unsqueeze": {1: "axes"},
    "Upsample": {1: "scales"},
    **{
        f"Reduce{kind}": {1: "axes"}
        for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
    },
}
SCALARS = frozenset({"axis", "depth", "k", "max", "max_output_boxes_per_class", "min"})

#: Operators with a sliding window -> position of their weights (None: the window is an attribute).
WINDOWED: dict[str, int | None] = {
    "AveragePool": None, "Conv": 1, "ConvInteger": 1, "ConvTranspose": 1, "DeformConv": 1, "LpPool": None, "MaxPool": None,
    "QLinearAveragePool": None, "QLinearConv": 3,
}  # fmt: skip


def normalised(operator: Operator, opset: int, inputs: Operands, constants: Mapping[str, Constant]) -> dict[str, Any]:
    """Attributes of an operator with nothing left to look up.

    Parameters
    ----------
    operator : Operator
        With the attributes of its file.
    opset : int
        Version of the standard operators; decides the defaults.
    inputs : sequence of Tensor or None
        Operands; their shapes resolve automatic padding.
    constants : mapping of str to Constant
        Values of parameters.
    """
    attributes = {**(schema_defaults(operator.op, opset, operator.attribute("domain", "")) or {}), **operator.attributes}
    attributes.update(parameters(operator, opset, constants))
    if operator.op in WINDOWED:
        attributes.update(window_attributes(operator.op, attributes, inputs))
    if operator.op in ("Pad", "Slice") and inputs and inputs[0] is not None:
        attributes.update(full_axes(operator.op, attributes, len(inputs[0].shape)))
    return attributes


@lru_cache(maxsize=4096)
def schema_defaults(op: str, opset: int, domain: str) -> Mapping[str, Any] | None:
    """Default values of an operator's attributes in one version of the standard, None for an operator the library does not know."""
    import onnx

    try:
        schema = onnx.defs.get_schema(op, opset, domain)
    except onnx.defs.SchemaError:
        return None
    values = {name: plain_attribute(attribute.default_value) for name, attribute in schema.attributes.items()}
    return {name: value for name, value in values.items() if value is not None}


def parameters(operator: Operator, opset: int, constants: Mapping[str, Constant]) -> dict[str, Any]:
    """Values of the constant operands that are parameters, under their attribute names."""
    found: dict[str, Any] = {}
    positions = PARAMETERS.get(operator.op, {})
    if operator.op == "Resize" and opset < 11:
        positions = {1: "scales"}
    for position, name in positions.items():
        source = operator.inputs[position] if position < len(operator.inputs) else ""
        constant = constants.get(source)
        values = None if constant is None or not constant.elements else constant.values()
        if values is not None:
            numbers = tuple(v.item() for v in values.ravel())
            found[name] = numbers[0] if name in SCALARS else numbers
    return found


def window_attributes(op: str, attributes: Mapping[str, Any], inputs: Operands) -> dict[str, Any]:
    """Kernel, strides, dilations and pads as explicit numbers, automatic padding resolved for the operand's size."""
    position = WINDOWED[op]
    weight = inputs[position] if position is not None and position < len(inputs) else None
    data = inputs[0] if inputs else None
    kernel = attributes.get("kernel_shape") or (weight.shape[2:] if weight is not None else None)
    if kernel is None or data is None:
        return {}
    rank = len(kernel)
    strides = tuple(attributes.get("strides") or (1,) * rank)
    dilations = tuple(attributes.get("dilations") or (1,) * rank)
    pads = tuple(attributes.get("pads") or (0,) * (2 * rank))
    sizes = data.shape[-rank:] if attributes.get("layout") != "NHWC" else data.shape[1 : 1 + rank]
    automatic = attributes.get("auto_pad", "NOTSET")
    wanted = attributes.get("output_shape")
    if automatic == "VALID":
        pads = (0,) * (2 * rank)
    elif op == "ConvTranspose" and (wanted or automatic.startswith("SAME")):
        spatial = tuple(wanted[-rank:]) if wanted else tuple(n * s for n, s in zip(sizes, strides, strict=False))
        more = tuple(attributes.get("output_padding") or (0,) * rank)
        full = [s * (n - 1) + e + (k - 1) * d + 1 for n, s, k, d, e in zip(sizes, strides, kernel, dilations, more, strict=False)]
        pads = shared_pads([f - o for f, o in zip(full, spatial, strict=False)], upper=automatic == "SAME_UPPER")
    elif automatic.startswith("SAME"):
        pads = same_pads(sizes, kernel, strides, dilations, upper=automatic == "SAME_UPPER")
    return {"kernel_shape": tuple(kernel), "strides": strides, "dilations": dilations, "pads": pads, "auto_pad": "NOTSET"}


def same_pads(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], *, upper: bool = True
) -> tuple[int, ...]:
    """Padding that gives ceil(size / stride) outputs, all begins, then all ends; the odd one at the end if ``upper``.

    total = max(0, (ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)

    >>> same_pads((224, 224), (3, 3), (2, 2), (1, 1))
    (0, 0, 1, 1)
    """
    rows = zip(sizes, kernel, strides, dilations, strict=False)
    return shared_pads([(-(-n // max(1, s)) - 1) * s + (k - 1) * d + 1 - n for n, k, s, d in rows], upper=upper)


def shared_pads(totals: Sequence[int], *, upper: bool) -> tuple[int, ...]:
    """Total padding per axis shared between begin and end, the odd one at the end if ``upper``."""
    totals = [max(0, total) for total in totals]
    small, large = tuple(total // 2 for total in totals), tuple(total - total // 2 for total in totals)
    return (*small, *large) if upper else (*large, *small)


def full_axes(op: str, attributes: Mapping[str, Any], rank: int) -> dict[str, Any]:
    """Pads of all axes instead of some; slices that name their axes."""
    if op == "Slice":
        return {"axes": tuple(range(len(attributes["starts"])))} if "starts" in attributes and "axes" not in attributes else {}
    axes, pads = attributes.get("axes"), attributes.get("pads")
    if not axes or pads is None or len(pads) != 2 * len(axes):
        return {}
    full = [0] * (2 * rank)
    for i, axis in enumerate(axes):
        full[axis % rank], full[axis % rank + rank] = pads[i], pads[i + len(axes)]
    return {"pads": tuple(full), "axes": tuple(range(rank))}
