"""Brings the collected tables of microcontroller measurements to the long form: ``python tidy_mcu.py FOLDER`` (of the tables).

One result a row, SI units, names of our catalogue; what a source says beyond the columns stands in ``notes`` as pairs
``key=value``: ``weights`` and ``arena`` (memory they lie in), ``supply`` and ``regulator``, ``part`` (of a memory figure),
``schedule``, ``left_out`` (why no fit uses the row). Run once; the tidy files are what is kept.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS = (
    "source_id", "device", "chip", "unit", "cores", "threads", "clock_mhz", "runtime", "runtime_version", "model", "family",
    "phase", "input_shape", "batch", "context", "dtype", "layer", "metric", "value", "spread", "repeats", "quality", "notes",
)  # fmt: skip

#: Start of the board's name in capitals -> device of the catalogue, chip.
BOARDS = {
    "NUCLEO-L4R5ZI-P": ("stm32l4r5_smps", "STM32L4R5"), "NUCLEO-L4R5ZI": ("stm32l4r5", "STM32L4R5"),
    "NUCLEO-U575ZI": ("stm32u575", "STM32U575"), "NUCLEO-H7A3ZI": ("stm32h7a3", "STM32H7A3"),
    "NUCLEO-G0B1RE": ("stm32g0b1", "STM32G0B1"), "DISCO-F746NG": ("stm32f746", "STM32F746"),
    "STM32F746": ("stm32f746", "STM32F746"), "STM32F412": ("stm32f412", "STM32F412"), "STM32F401": ("stm32f401", "STM32F401"),
    "STM32H747I": ("stm32h747", "STM32H747"), "ARDUINO GIGA R1": ("arduino_giga_r1", "STM32H747"),
    "NRF5340": ("nrf5340", "nRF5340"), "NUMAKER_M467HJ": ("numaker_m467hj", "M467HJ"), "ESP32-C3": ("esp32_c3", "ESP32-C3"),
    "ESP32-P4": ("esp32_p4", "ESP32-P4"), "ESP32-S": ("esp32", "ESP32"), "ESP32": ("esp32", "ESP32"),
    "LOLIN D32": ("lolin_d32", "ESP32"), "B-U585I-IOT02A": ("stm32u585", "STM32U585"), "STM32N6570": ("stm32n6", "STM32N657"),
    "NUCLEO-N657X0": ("stm32n6", "STM32N657"), "NDP9120": ("syntiant_ndp120", "NDP120"),
    "ARDUINO NANO 33": ("arduino_nano_33_ble", "nRF52840"), "ARDUINO PORTENTA H7": ("arduino_portenta_h7", "STM32H747"),
    "ADAFRUIT FEATHER M4": ("adafruit_feather_m4", "SAMD51"), "NUCLEO-F746ZG": ("nucleo_f746zg", "STM32F746"),
    "NUCLEO-F429ZI": ("nucleo_f429zi", "STM32F429"), "SAM V71": ("sam_v71_xplained", "ATSAMV71"),
    "SAMD21": ("samd21_xplained", "SAMD21"), "NRF52840": ("nrf52840", "nRF52840"), "APOLLO510": ("apollo510", "Apollo510"),
    "APOLLO4": ("apollo4_plus", "Apollo4 Plus"),
}  # fmt: skip
#: Runtime as written and start of its version -> runtime of the catalogue. Where a table gives no version, its year does.
RUNTIMES = {
    ("X-CUBE-AI", "7.1"): "x_cube_ai_7_1", ("X-CUBE-AI", "7.3"): "x_cube_ai_7_3", ("X-CUBE-AI", "8.0"): "x_cube_ai_7_3",
    ("X-CUBE-AI", "8.1"): "x_cube_ai_8_1", ("X-CUBE-AI", "9.0"): "x_cube_ai_9_0", ("X-CUBE-AI", "10.2"): "x_cube_ai_9_0",
    ("X-CUBE-AI", "10.0"): "x_cube_ai_10_0", ("X-CUBE-AI", ""): "x_cube_ai_7_3", ("Bosch HALE", "1.0"): "hale",
    ("microTVM native", ""): "microtvm_native", ("microTVM+CMSIS-NN", ""): "microtvm_cmsis_nn", ("ONNC", ""): "onnc",
    ("TFLite Micro + Andes NN lib", ""): "tflm_andes", ("TFLite Micro", "2.1"): "tflm_2_1",
    ("TFLite Micro", "713b6ed"): "tflm_reference_713b6ed", ("TFLite Micro", "2020"): "tflm_mcunet_2020",
    ("CMSIS-NN", "2020"): "cmsis_nn_2020", ("TinyEngine", "2022"): "tinyengine_2022",
    ("TinyEngine", "2020"): "tinyengine_2020", ("TFLite Micro reference kernels", ""): "tflm_reference_esp",
    ("TFLite Micro + ESP-NN", ""): "esp_nn", ("neuralSPOT TFLM", ""): "tflm_neuralspot",
    ("TFLite Micro (reference)", ""): "tflm_reference_v05", ("TFLite Micro (CMSIS-NN)", "2020"): "tflm_mcunet_2020",
    ("CMSIS-NN (TFLM)", ""): "tflm_cmsis_nn", ("TFLite Micro (CMSIS-NN per thesis)", ""): "tflm_cmsis_nn",
    ("TFLite Micro (EloquentTinyML, Arduino)", ""): "tflm_arduino",
}  # fmt: skip
#: Start of the model's name -> (network of the catalogue, architecture). ``{size}`` is the side of the input.
MODELS = {
    "ad01_fc_autoencoder": ("mlperf_tiny_ad", "autoencoder"), "ic_resnet8_cifar10": ("mlperf_tiny_ic", "resnet_8"),
    "kws_dscnn": ("mlperf_tiny_kws", "ds_cnn"), "vww_mobilenetv1_0.25_96": ("mlperf_tiny_vww", "mobilenet_v1_0_25"),
    "sww_streaming_wakeword": ("mlperf_tiny_sww", "streaming_wake_word"),
    "FdMobileNet 0.25": ("fdmobilenet_0_25_{size}", "fdmobilenet_0_25"),
    "ST FdMobileNet v1": ("st_fdmobilenet_v1_{size}", "st_fdmobilenet"),
    "MobileNet v1 0.25": ("mobilenet_v1_0_25_{size}", "mobilenet_v1_0_25"),
    "MobileNet v1 0.5": ("mobilenet_v1_0_5_{size}", "mobilenet_v1_0_5"),
    "MobileNet v2 0.35": ("mobilenet_v2_0_35_{size}", "mobilenet_v2"), "ResNet v1 32": ("resnet_v1_32", "resnet_32"),
    "ResNet v1 8": ("mlperf_tiny_ic", "resnet_8"), "ST MNIST": ("st_mnist", "st_mnist"),
    "SSD Mobilenet v1 0.25": ("ssd_mobilenet_v1_0_25_{size}", "ssd_mobilenet_v1"),
    "SSD Mobilenet v2 0.35": ("ssd_mobilenet_v2_fpnlite_0_35_{size}", "ssd_mobilenet_v2"),
    "ST SSD MobileNet v1 0.25": ("ssd_mobilenet_v1_0_25_{size}", "ssd_mobilenet_v1"), "GMP wl 24": ("st_gmp_24", "st_gmp"),
    "GMP wl 48": ("st_gmp_48", "st_gmp"), "IGN wl 24": ("st_ign_24", "st_ign"), "IGN wl 48": ("st_ign_48", "st_ign"),
    "mbv2-w0.3-r80": ("mbv2_w0_3_r80", "mobilenet_v2"), "mbv2-w0.35-r64": ("mbv2_w0_35_r64", "mobilenet_v2"),
    "mbv2-w0.35": ("mbv2_w0_35_r144", "mobilenet_v2"), "proxyless-w0.25": ("proxyless_w0_25_r112", "proxylessnas"),
    "proxyless-w0.3-r64": ("proxyless_w0_3_r64", "proxylessnas"), "proxyless-w0.3": ("proxyless_w0_3_r176", "proxylessnas"),
    "person_detection": ("person_detection", "mobilenet_v1_0_25"),
    **{f"mcunet-{name}": (f"mcunet_{name}", f"mcunet_{name}") for name in ("in0", "in1", "in2", "in3", "vww0", "vww1", "vww2")},
}  # fmt: skip
#: Parts of names of networks whose layers are not known.
NOT_BUILT = (
    "(ImageNet)",
    "Hybrid",
    "yolo",
    "SmallCifar",
    "mnasnet",
    "mobilenet_v3",
    "MobileNet v1 1.0",
    "MobileNet v2 1.",
    "CNN2D",
)
#: Dataset -> tables it is made from.
TABLES = {
    "mlperf_tiny": ("mlperf_tiny_mcu.csv",), "stm32_modelzoo": ("stm32_modelzoo.csv", "stm32_extra.csv"),
    "tinyengine_mcunet": ("tinyengine_mcunet.csv",), "esp_nn": ("esp_nn.csv", "dhbw_esp32_giga.csv"),
    "tinyml_fc": ("tinyml_fc_benchmark.csv",), "ambiq": ("ambiq.csv",),
}  # fmt: skip


def main(folder: Path) -> None:
    """Write ``<dataset>/data.csv`` beside this file for every dataset."""
    for name, files in TABLES.items():
        rows = [row for file in files for written in records(folder / file) for row in tidy(written)]
        path = HERE / name / "data.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        print(f"{path.parent.name}: {len(rows)} rows")


def records(path: Path) -> list[dict[str, str]]:
    """Rows of one table, Linux processors left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if not row["board"].startswith(("STM32MP", "raspberry"))]


def tidy(row: dict[str, str]) -> Iterator[dict[str, str]]:
    """The results of one row of a table, one by one."""
    device, chip = board_of(row)
    model, family = model_of(row)
    submitter = row["submitter"].split()[0] if row["source_id"].startswith("mlperf") else ""
    common = {
        "source_id": "_".join(filter(None, (row["source_id"], submitter.lower()))), "device": device, "chip": chip, "unit": "cpu",
        "threads": "1", "clock_mhz": row["clock_mhz"], "runtime": runtime_of(row, device),
        "runtime_version": row["runtime_version"], "model": model, "family": family, "phase": "infer", "batch": "1",
        "input_shape": row["input_shape"], "quality": row["quality"],
        "dtype": {"float32": "fp32", "float": "fp32"}.get(row["dtype"], row["dtype"]),
    }  # fmt: skip
    for metric, value, part in results(row):
        pairs = [*placement(row), *([("part", part)] if part else []), *left_out(row, model, metric)]
        notes = "; ".join(f"{key}={text}" for key, text in pairs)
        yield dict.fromkeys(COLUMNS, "") | common | {"metric": metric, "value": value, "notes": notes}


def board_of(row: dict[str, str]) -> tuple[str, str]:
    """Device of the catalogue and chip."""
    written = row["board"].upper()
    if "Andes" in row["submitter"]:
        core = re.search(r"(D25F|D45|NX27V)", row["core"])
        assert core is not None
        return f"andes_ae350_{core[1].lower()}", f"AE350 {core[1]}"
    return next(known for start, known in BOARDS.items() if written.startswith(start))


def runtime_of(row: dict[str, str], device: str) -> str:
    """Runtime of the catalogue; the name as written where there is none."""
    name, version = row["runtime"], row["runtime_version"]
    if name == "X-CUBE-AI" and not version:
        return "x_cube_ai_7_3" if row["year"] == "2023" else "x_cube_ai_8_1"
    if name == "TFLite Micro + ESP-NN" and device == "esp32_p4":
        return "esp_nn_pie"
    found = [known for (start, of), known in RUNTIMES.items() if start == name and version.startswith(of)]
    return found[0] if found else re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def model_of(row: dict[str, str]) -> tuple[str, str]:
    """Network of the catalogue and its architecture; the name as written where the catalogue has none."""
    written = row["model"]
    if not any(word in written for word in NOT_BUILT):
        size = row["input_shape"].split("x")[0]
        for start, (name, family) in MODELS.items():
            if written.lower().startswith(start.lower()):
                grey = name.startswith("mobilenet_v1") and row["input_shape"].endswith("x1")
                return name.format(size=size) + ("_grey" if grey else ""), family
    plain = re.sub(r"\s*\[.*?\]", "", written).strip()
    return plain, re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")


def results(row: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Metric, value in SI units, and which part of a memory it is."""
    for metric, column, factor in (
        ("latency_s", "latency_ms", 1e-3),
        ("energy_j", "energy_uJ", 1e-6),
        ("power_w", "power_mW", 1e-3),
    ):
        if row[column]:
            yield metric, f"{float(row[column]) * factor:.6g}", ""
    parts = re.search(r"activation(?:\+runtime RAM)? ([\d.]+) ?\+ ?(?:runtime RAM )?([\d.]+)", row["sram_basis"])
    weights = re.search(r"weights(?:\+code)? ([\d.]+) ?\+ ?(?:code )?([\d.]+)", row["flash_basis"])
    bare = "weights only" in row["flash_basis"]
    for metric, column, first, found in (
        ("sram_bytes", "sram_peak_kib", "activations", parts), ("flash_bytes", "flash_kib", "weights", weights),
    ):  # fmt: skip
        if found is not None:
            in_bytes = float(found[1]) > 100 * float(row[column])  # one table gives 1024.0 of a total of 3 KiB
            part = f"{float(found[1]) / 1024}" if in_bytes else found[1]
            yield metric, kibibytes(part), first
            yield metric, kibibytes(str(float(part) + float(found[2]))), "total"
        elif row[column]:
            yield metric, kibibytes(row[column]), first if bare else "total"


def kibibytes(text: str) -> str:
    """Bytes of a figure in KiB."""
    return f"{float(text) * 1024:.0f}"


def placement(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Where weights and arena lie, the supply, a schedule of its own."""
    notes, outside = row["notes"], row["ext_mem"]
    if "weights placed in RAM" in notes:
        yield "weights", "ram"
    if "weights > 2 MB" in outside or "octo-flash" in outside:
        yield "weights", "external_flash"
    if "SDRAM" in outside or "SPIRAM" in outside:
        yield "arena", "external"
    elif "DDR" in outside:
        yield "arena", "external"
        yield "weights", "external"
    supply = re.search(r"[Oo]perating at ([\d.]+) ?V?\b(.*?)(?:;|$)", notes)
    if supply:
        yield "supply", f"{supply[1]} V"
        yield "regulator", "switching" if "SMPS" in supply[2] else "linear"
    if "RAM-minimising" in notes:
        yield "schedule", "small_ram"


def left_out(row: dict[str, str], model: str, metric: str) -> Iterator[tuple[str, str]]:
    """Why no fit uses the row."""
    reasons = {
        "no int8 network": row["dtype"] != "int8" and metric in ("latency_s", "energy_j", "power_w"),
        "audio front end inside the timed window": model == "mlperf_tiny_sww",
        "no microcontroller core does the work": row["submitter"] == "syntiant" or row["board"].startswith("STM32N6"),
        "vector unit measured once": "NX27V" in row["core"],
        "schedule of its own": "RAM-minimising" in row["notes"],
        "2.5 times slower than any fit, unresolved": model.startswith(("st_gmp", "st_ign")) and metric == "latency_s",
        "activations may lie in external RAM": "activations > 512" in row["ext_mem"] and metric == "latency_s",
        "arena in external RAM": any(word in row["ext_mem"] for word in ("arena in external", "SPIRAM")),
        "kept for a test apart": model in ("mcunet_vww0", "mcunet_vww2") and metric == "latency_s",
        "clock not printed": row["board"].startswith("Apollo"),
        "buffers placed apart: 1.7 to 1.9 times the same file on L4R5": (
            metric == "sram_bytes"
            and runtime_of(row, "") == "x_cube_ai_7_3"
            and "H7A3" in row["board"].upper()
            and model in ("mlperf_tiny_kws", "mlperf_tiny_vww")
        ),
        "doubtful": row["quality"] == "C",
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if found:
        yield "left_out", found[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
