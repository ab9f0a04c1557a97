"""Slow, obvious counts of systolic and row-stationary arrays: folds and tiles are walked one by one."""

from __future__ import annotations

from math import ceil


def systolic_walk(dataflow: str, pixels: int, filters: int, reduction: int, rows: int, columns: int) -> dict[str, int]:
    """Walk every fold of one product; return folds, cycles without overlap, with overlap, and operand accesses."""
    extents = {"ws": (reduction, filters, pixels), "os": (pixels, filters, reduction), "is": (reduction, pixels, filters)}
    row_extent, column_extent, streamed = extents[dataflow]
    found = dict.fromkeys(("folds", "reference", "overlapped", "input_reads", "weight_reads", "output_writes", "psum_reads"), 0)
    for _column in range(0, column_extent, columns):
        for row in range(0, row_extent, rows):
            used_columns = min(columns, column_extent - _column)
            used_rows = min(rows, row_extent - row)
            found["folds"] += 1
            load = 0 if dataflow == "os" else rows
            found["reference"] += load + streamed + (rows - 1) + (columns - 1)
            # Overlapped: the next stream begins as soon as the present one has passed and its tile has been shifted in.
            found["overlapped"] += max(streamed, rows)
            resident, moving, sums = used_rows * used_columns, streamed * used_rows, streamed * used_columns
            if dataflow == "ws":
                found["input_reads"] += moving
                found["weight_reads"] += resident
                found["output_writes"] += sums
                found["psum_reads"] += sums if row else 0
            elif dataflow == "is":
                found["input_reads"] += resident
                found["weight_reads"] += moving
                found["output_writes"] += sums
                found["psum_reads"] += sums if row else 0
            else:
                found["input_reads"] += moving
                found["weight_reads"] += sums
                found["output_writes"] += resident
    # The last stream needs only its own length; around all of it one load (or drain), one fill, one drain.
    found["overlapped"] += streamed - max(streamed, rows) + rows + (rows - 1) + (columns - 1) + 0
    return found


def strip_rows_walk(outputs: int, strip: int, stride: int, span: int, pad: int, stored: int) -> int:
    """Stored rows every strip touches, counted by listing them from its first to its last."""
    total = 0
    for first in range(0, outputs, strip):
        last = min(outputs, first + strip) - 1
        wanted = range(first * stride - pad, last * stride - pad + span)
        total += sum(0 <= row < stored for row in wanted)
    return total


def row_stationary_walk(layer: dict[str, int], mapping: dict[str, int]) -> dict[str, int]:
    """Walk every pass of a layer and add up what it moves.

    ``layer`` has N G M C E F R S stride H W (padded) and pad; ``mapping`` has n m e p q r t.
    """
    n, m, e, p, q, r, t = (mapping[name] for name in "nmepqrt")
    height, width, pad, stride = layer["H"], layer["W"], layer["pad"], layer["stride"]
    words = "buffer_inputs buffer_psums filter_words window_words array_words dram_weights dram_inputs dram_outputs"
    found = dict.fromkeys(["passes", *words.split()], 0)
    for _image in range(0, layer["N"], n):
        for _group in range(layer["G"]):
            for first_row in range(0, layer["E"], e):
                last_row = min(layer["E"], first_row + e)
                rows = range(first_row * stride, (last_row - 1) * stride + layer["R"])
                found["dram_weights"] += layer["M"] * layer["C"] * layer["R"] * layer["S"]
                stored = sum(pad <= row < height - pad for row in rows) * (width - 2 * pad)
                images = min(n, layer["N"] - _image)
                found["dram_inputs"] += images * layer["C"] * stored * ceil(layer["M"] / m)
                found["dram_outputs"] += images * layer["M"] * (last_row - first_row) * layer["F"]
                for _filter in range(0, layer["M"], p * t):
                    filters = min(p * t, layer["M"] - _filter)
                    for channel in range(0, layer["C"], q * r):
                        channels = min(q * r, layer["C"] - channel)
                        full_rows = min((e - 1) * stride + layer["R"], height)
                        found["passes"] += 1
                        found["buffer_inputs"] += images * channels * len(rows) * width
                        found["buffer_psums"] += images * filters * (last_row - first_row) * layer["F"]
                        found["filter_words"] += p * t * q * r * layer["R"] * layer["S"]
                        found["window_words"] += full_rows * layer["S"] * q * r
                        for _pe in range(layer["R"] * e * r * t):
                            found["array_words"] += p * q * layer["S"] + n * q * width
                        found["array_words"] += n * p * t * e * layer["F"] * (layer["R"] * r - 1)
    return found
