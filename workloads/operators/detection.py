"""Selection of the best: top-k, non-maximum suppression, and the output layers of detectors.

Their work hangs on data. Comparisons and overlaps are counted for the worst case and said so; sizes are the declared maxima.
"""

from __future__ import annotations

from workloads.graph import Operator
from workloads.operators.family import (
    FamilyRule,
    Operations,
    axis_in,
    elements,
    fail,
    integers,
    like,
    operand,
    result_dtype,
    undetermined,
)
from workloads.operators.rule import Operands, TensorType

#: Overlap of two boxes: 4 comparisons for the intersection, 2 differences, 2 clamps, 1 product, 2 for the union, 1 comparison.
OVERLAP_OPERATIONS = 12


def sort_comparisons(count: int) -> int:
    """Comparisons that sort ``count`` values: count * ceil(log2 count).

    >>> sort_comparisons(8)
    24
    """
    return count * max(0, count - 1).bit_length()


class TopK(FamilyRule):
    """TopK: the ``k`` largest along ``axis``, with positions. A heap of k: ceil(log2(k + 1)) comparisons per element."""

    family = "detection"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        axis = axis_in(operator, operator.attributes.get("axis", -1), len(data.shape))
        k = integers(operator, inputs, 1, "k")
        if not k or not 0 <= k[0] <= data.shape[axis]:
            raise fail(operator, f"k = {k} of {data.shape[axis]}; a constant from 0 to {data.shape[axis]} is expected")
        shape = (*data.shape[:axis], k[0], *data.shape[axis + 1 :])
        return (like(operator, data, shape), TensorType(shape, "int64"))

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data, result = operand(operator, inputs, 0), outputs[0]
        axis = axis_in(operator, operator.attributes.get("axis", -1), len(data.shape))
        k = result.shape[axis] if result is not None else 1
        return Operations(data.elements * k.bit_length())


class NonMaxSuppression(FamilyRule):
    """NonMaxSuppression: boxes (batch, boxes, 4), scores (batch, classes, boxes) -> index triples.

    Upper bound of the selected: batch * classes * min(boxes, ``max_output_boxes_per_class``). Worst case of the work: scores
    sorted, and every kept box compared with every other (12 operations and a division each).
    """

    family = "detection"

    def kept(self, operator: Operator, inputs: Operands) -> tuple[int, int, int]:
        """(batch * classes, boxes, boxes kept of each class)."""
        boxes, scores = operand(operator, inputs, 0), operand(operator, inputs, 1, "scores")
        if len(boxes.shape) != 3 or len(scores.shape) != 3 or boxes.shape[1] != scores.shape[2]:
            raise fail(operator, f"boxes {boxes.shape}, scores {scores.shape}; equally many boxes are expected")
        limit = integers(operator, inputs, 2, "max_output_boxes_per_class") or (0,)
        return scores.shape[0] * scores.shape[1], boxes.shape[1], min(boxes.shape[1], limit[0])

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        lists, _, kept = self.kept(operator, inputs)
        return (TensorType((lists * kept, 3), "int64"),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        lists, boxes, kept = self.kept(operator, inputs)
        return Operations(lists * (sort_comparisons(boxes) + kept * boxes * OVERLAP_OPERATIONS), lists * kept * boxes)


class PriorBox(FamilyRule):
    """PriorBox: the anchor boxes of a plane; four operations per number put out. Their shape is the declared one."""

    family = "detection"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        raise undetermined(operator, "the number of boxes")

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(4 * elements(outputs[:1]))


class DetectionOutput(FamilyRule):
    """DetectionOutput, YoloDetectionOutput, Yolov3DetectionOutput: boxes decoded, confidences compared, the best kept.

    Per input element: two operations and one exp (decoding and squashing). Sorting and suppression work on the few that pass the
    threshold and are not counted. The shape is (``keep_top_k``, 6), else the declared one.
    """

    family = "detection"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        keep = operator.attributes.get("keep_top_k")
        if keep is None:
            raise undetermined(operator, "the number of boxes kept")
        return (like(operator, operand(operator, inputs, 0), (int(keep), 6)),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        read = elements({tensor.name: tensor for tensor in inputs if tensor is not None}.values())
        return Operations(2 * read, read)


class DetectionPostProcess(FamilyRule):
    """TFLite_Detection_PostProcess: boxes (1, n, 4), scores (1, n, classes), anchors (n, 4) -> the best ``max_detections``.

    Outputs: boxes, classes, scores, count. Decoding: 4 operations per coordinate and an exp for each side length; the best class of
    every box: a comparison per score; worst case of the suppression: every kept box against every other.
    """

    family = "detection"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        keep = int(operator.attributes.get("max_detections", 10)) * int(operator.attributes.get("max_classes_per_detection", 1))
        dtype = result_dtype(operator, "fp32")
        return tuple(TensorType(shape, dtype) for shape in ((1, keep, 4), (1, keep), (1, keep), (1,)))

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        boxes, scores = operand(operator, inputs, 0), operand(operator, inputs, 1, "scores")
        count = boxes.elements // 4
        keep = min(count, int(operator.attributes.get("max_detections", 10)))
        element = 4 * boxes.elements + scores.elements + sort_comparisons(count) + keep * count * OVERLAP_OPERATIONS
        return Operations(element, 2 * count + keep * count)
