"""Which algorithm a CPU runtime takes for a convolution: Winograd, direct, depthwise, im2col GEMM, or an unspecialised kernel.

The rules are those of ncnn-style runtimes on Arm and x86, before and from mid 2022; other instruction sets follow the x86 rules
with the pack of their vector width. All channel counts are those of one group.
"""

from __future__ import annotations

from hwmodels.costs.cpu import CpuParameters
from hwmodels.jit import kernel

#: Codes of the algorithms, and their names in reports.
ALGORITHMS = (
    "im2col_gemm", "gemm_1x1", "winograd_f2", "winograd_f4", "winograd_f6", "direct", "unspecialised", "depthwise",
    "fully_connected",
)  # fmt: skip
GEMM_IM2COL, GEMM_1X1, WINOGRAD_F2, WINOGRAD_F4, WINOGRAD_F6, DIRECT_KERNEL, UNSPECIALISED, DEPTHWISE_KERNEL, MATRIX_VECTOR = range(
    9
)

#: From this day on the rules of mid 2022 hold (yyyymmdd).
MID_2022 = 20220601
YEAR_2022 = 20220101
YEAR_2021 = 20210101


@kernel
def winograd_for_size(height: int, width: int) -> int:
    """F(4,3) where its tiles cover the padded output with less waste, else F(6,3): Arm rule before mid 2022.

    Padded sides (output + 2) up to 10, 15 to 18, 21 or 22, both of them, favour F(4,3).
    """
    for side in (height + 2, width + 2):
        if not (side <= 10 or 15 <= side <= 18 or side == 21 or side == 22):
            return WINOGRAD_F6
    return WINOGRAD_F4


@kernel
def arm_winograd(half: int, inputs: int, outputs: int, height: int, width: int, date: int) -> int:
    """Winograd variant of a 3x3 stride-1 convolution on Arm; -1 for none, UNSPECIALISED where packs do not match."""
    if date >= MID_2022:
        least = 16 if half else 8
        if inputs < least and outputs < least:
            return -1
        if inputs <= 128 and outputs <= 128:
            return WINOGRAD_F6
        return WINOGRAD_F4 if inputs >= 8 and outputs >= 8 else WINOGRAD_F2
    if half:
        if inputs % 8 == 0 and outputs % 8 == 0 and inputs >= 16 and outputs >= 16:
            return winograd_for_size(height, width)
        return WINOGRAD_F6 if inputs % 8 == 0 and outputs % 4 != 0 else -1
    if inputs % 4 == 0:
        return winograd_for_size(height, width) if outputs % 4 == 0 else WINOGRAD_F6
    return WINOGRAD_F6 if outputs % 4 != 0 and inputs >= 16 and outputs >= 16 else -1


@kernel
def x86_winograd(pack: int, inputs: int, outputs: int, height: int, width: int, date: int) -> int:
    """Winograd variant of a 3x3 stride-1 convolution on x86 and others; -1 for none, UNSPECIALISED where packs do not match."""
    if date >= MID_2022:
        if inputs <= 8 and outputs <= 8:
            return -1
        if inputs >= 128 and outputs >= 128 and height + 2 <= 12 and width + 2 <= 12:
            return WINOGRAD_F2
        small = inputs <= 32 and outputs <= 32 and height + 2 >= 23 and width + 2 >= 23
        return WINOGRAD_F6 if small else WINOGRAD_F4
    if inputs < 16 or outputs < 16:
        return -1
    if inputs % pack == 0 and outputs % pack == 0:
        return winograd_for_size(height, width) if date >= YEAR_2022 else WINOGRAD_F6
    if inputs % pack != 0 and outputs % pack != 0:
        return WINOGRAD_F2
    return -1 if date >= YEAR_2022 else UNSPECIALISED


@kernel
def mixed_packs(inputs: int, outputs: int) -> bool:
    """One side in packs of 8 and the other in packs of 4: no fp16 kernel on Arm before mid 2022."""
    if inputs < 4 or (inputs % 8 == 0) == (outputs % 8 == 0):
        return False
    return inputs % 8 != 0 or outputs % 4 == 0


@kernel
def takes_direct(half: int, inputs: int, outputs: int, kernel_h: int, kernel_w: int, stride: int) -> bool:
    """Direct kernels: stems of under 4 channels, small channel counts with a window, 5x5 stride 1."""
    if inputs < 4 and outputs <= 64 and (not half or (kernel_h == kernel_w and (kernel_h == 3 or kernel_h == 7))):
        return True
    if inputs <= 16 and outputs <= 16 and kernel_h * kernel_w > 1:
        return True
    return kernel_h == 5 and kernel_w == 5 and stride == 1


@kernel
def convolution_algorithm(
    unit: CpuParameters, half: int, int8: int, pack: int, groups: int, inputs: int, outputs: int, height: int, width: int,
    kernel_h: int, kernel_w: int, stride: int, dilation: int,
) -> int:  # fmt: skip
    """Algorithm of one convolution that is not depthwise.

    Parameters
    ----------
    unit : CpuParameters
    half, int8 : int
        1 where the layer computes in fp16, in int8.
    pack : int
        Vector lanes.
    groups, inputs, outputs : int
        Groups; input and output channels of one group.
    height, width : int
        Output sides.
    kernel_h, kernel_w, stride, dilation : int
        Filter sides; the larger stride and dilation.

    Returns
    -------
    int
        A code of ALGORITHMS.
    """
    plain = GEMM_1X1 if kernel_h == 1 and kernel_w == 1 else GEMM_IM2COL
    date = unit.runtime_date
    if not unit.vector_kernels:
        return UNSPECIALISED
    if kernel_h == 1 and kernel_w == 1 and height == 1 and width == 1 and groups == 1:
        return MATRIX_VECTOR
    if groups > 1 and date < MID_2022:
        return UNSPECIALISED
    square = kernel_h == 3 and kernel_w == 3 and stride == 1 and dilation == 1
    if int8:
        narrow = unit.int8_rate <= 1.0 and date >= YEAR_2021 and inputs >= 8 and outputs >= 8
        return WINOGRAD_F4 if square and narrow else plain
    chosen = -1
    if square and unit.arm:
        chosen = arm_winograd(half, inputs, outputs, height, width, date)
    elif square:
        chosen = x86_winograd(max(4, pack), inputs, outputs, height, width, date)
    if chosen >= 0:
        return chosen
    if unit.arm and half and date < MID_2022 and mixed_packs(inputs, outputs):
        return UNSPECIALISED
    if takes_direct(half, inputs, outputs, kernel_h, kernel_w, stride):
        return DIRECT_KERNEL
    return plain
