"""Brings collected tables of GPU measurements to the long form: ``python tidy_gpu.py FOLDER`` (of the tables).

Writes ``timm``, ``llm``, ``ncnn_vulkan`` and ``nasbench201_gpu``. One result a row, SI units, names of our catalogue; columns that a
table does not need are left out. What a source says beyond the columns stands in ``notes`` as pairs ``key=value``; ``left_out`` says
why no fit uses a row. Run once; the tidy files are what is kept.
"""

from __future__ import annotations

import csv
import lzma
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).parent
Row = Mapping[str, object]

#: Name as written -> (device of the catalogue, chip).
CARDS = {
    "NVIDIA GeForce RTX 3090": ("rtx_3090", "GA102"), "NVIDIA GeForce RTX 5090": ("rtx_5090", "GB202"),
    "NVIDIA RTX PRO 6000 Blackwell Max-Q": ("rtx_pro_6000_max_q", "GB202"),
    "Intel Core i9-10940X": ("core_i9_10940x", "core_i9_10940x"),
}  # fmt: skip

#: Part of a name -> (device, chip), first match wins.
LLM_DEVICES = (
    ("RTX 3070 Laptop", "rtx_3070_laptop", "GA104"), ("3070", "rtx_3070", "GA104"), ("3080 Ti", "rtx_3080_ti", "GA102"),
    ("3090", "rtx_3090", "GA102"), ("4070 Laptop", "rtx_4070_laptop", "AD106"), ("4070 Ti Super", "rtx_4070_ti_super", "AD103"),
    ("4070 Ti", "rtx_4070_ti", "AD104"), ("4070", "rtx_4070", "AD104"), ("4080", "rtx_4080", "AD103"),
    ("4000 Ada", "rtx_4000_ada", "AD104"), ("5000 Ada", "rtx_5000_ada", "AD102"), ("6000 Ada", "rtx_6000_ada", "AD102"),
    ("A6000", "rtx_a6000", "GA102"), ("A40 48", "a40", "GA102"), ("H100", "h100_pcie", "GH100"), ("5090", "rtx_5090", "GB202"),
    ("2080 Ti", "rtx_2080_ti", "TU102"), ("A4000", "rtx_a4000", "GA104"), ("3060", "rtx_3060", "GA106"),
    ("A2000", "rtx_a2000", "GA106"), ("A400)", "rtx_a400", "GA107"), ("Orin", "jetson_orin", "Orin"),
    ("GB10", "dgx_spark", "GB10"), ("M1 Ultra (48", "apple_m1_ultra_gpu_48_core", "M1 Ultra"),
    ("M1 Ultra (64", "apple_m1_ultra_gpu_64_core", "M1 Ultra"), ("M1 Pro", "apple_m1_pro_gpu_14_core", "M1 Pro"),
    ("M3 Pro", "apple_m3_pro_gpu_18_core", "M3 Pro"), ("M4 Max", "apple_m4_max_gpu", "M4 Max"),
    ("M4 Mac", "apple_m4_gpu", "M4"), ("M1 Max", "apple_m1_max_gpu", "M1 Max"), ("M1 7", "apple_m1_gpu_7_core", "M1"),
    ("R9700", "radeon_ai_pro_r9700", "Navi 48"), ("7900 XTX", "radeon_rx_7900_xtx", "Navi 31"),
    ("7900 XT", "radeon_rx_7900_xt", "Navi 31"), ("9070 XT", "radeon_rx_9070_xt", "Navi 48"),
    ("W7700", "radeon_pro_w7700", "Navi 32"), ("6700 XT", "radeon_rx_6700_xt", "Navi 22"),
    ("RX 7600", "radeon_rx_7600", "Navi 33"), ("6500 XT", "radeon_rx_6500_xt", "Navi 24"), ("RX 580", "radeon_rx_580", "Polaris 20"),
    ("B580", "arc_b580", "BMG-G21"), ("Pro B50", "arc_pro_b50", "BMG-G21"), ("A310", "arc_a310", "DG2-128"),
    ("Framework", "framework_desktop", "Ryzen AI Max+ 395"),
)  # fmt: skip

#: Model as written -> network of the catalogue.
LLM_MODELS = {
    "Llama 3 8B": "llama3_8b", "Llama 3 70B": "llama3_70b", "Llama 3.2 3B": "llama3_2_3b", "Llama 3.2 3B Q4_K_M": "llama3_2_3b",
    "Llama 3.1 70B": "llama3_1_70b", "Llama 3.1 8B": "llama3_1_8b", "Llama 3.1 405B": "llama3_1_405b",
    "Llama 2 7B": "llama2_7b", "Llama 2 7B 4-bit": "llama2_7b", "Llama 2 13B": "llama2_13b", "Llama 2 13B 4-bit": "llama2_13b",
    "Llama 2 70B 4-bit": "llama2_70b", "SmolLM-135M": "smollm_135m", "llama 1B Q4_K_M (TinyLlama)": "tinyllama_1_1b",
    "TinyLLAMA 1.1B": "tinyllama_1_1b", "gpt-oss 20B (MoE, 3.6B active)": "gpt_oss_20b", "unnamed 4B": "unnamed_4b",
    "unnamed 9B": "unnamed_9b",
}  # fmt: skip

#: Machines whose host is a single-board computer or another slow one.
SLOW_HOST = re.compile(r"Pi |P550|MS-R1|Thelio")

#: GPU as written -> device of the catalogue whose unit ``gpu`` it is; others keep their own name.
VULKAN_DEVICES = {
    "NVIDIA Tegra X1 (nvgpu)": "jetson_nano", "NVIDIA Tegra X2 (nvgpu)": "jetson_tx2_nx", "NVIDIA Tegra Xavier (nvgpu)": "jetson_xavier",
    "NVIDIA Tegra Orin (nvgpu)": "jetson_orin", "GeForce RTX 3090": "rtx_3090", "NVIDIA GeForce RTX 3060 Ti": "rtx_3060_ti",
    "Quadro RTX 8000": "quadro_rtx_8000", "GeForce RTX 2080": "rtx_2080", "AMD Radeon RX 6900 XT": "radeon_rx_6900_xt",
    "Adreno (TM) 430": "snapdragon_810", "Adreno (TM) 540": "snapdragon_835", "Adreno (TM) 512": "snapdragon_660",
    "Adreno (TM) 640": "snapdragon_855_plus", "Adreno (TM) 740": "snapdragon_8_gen_2", "Adreno X1-85": "snapdragon_x_elite",
    "Mali-G52": "khadas_vim3", "Mali-T860": "rk3399", "Mali-G610": "rk3588", "V3D 7.1.7": "raspberry_pi_5", "Apple M1": "macbook_pro_m1",
    "AMD Radeon(TM) Vega 8 Graphics": "ryzen_v1605b", "AMD Radeon Pro 555X": "macbook_pro_15_2019",
    "Intel(R) UHD Graphics (JSL)": "celeron_n5105", "Intel(R) HD Graphics (CHV)": "atom_z8350",
    "PowerVR B-Series BXE-2-32 MC1": "spacemit_muse_pi_pro", "PowerVR B-Series BXE-4-32": "visionfive_2",
}  # fmt: skip

#: Headings and GPUs of the Vulkan runs that are no board's own GPU or are measured through another system.
UNSTABLE = ("3090", "A3000", "Hyper-V", "Quadro")


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def notes(**pairs: object) -> str:
    return "; ".join(f"{key}={value}" for key, value in pairs.items() if value not in (None, "", 0))


def timm(folder: Path) -> Iterator[Row]:
    """Throughputs of whole networks: images per second at a batch of the benchmark's choice."""
    runs = {row["run_id"]: row for row in rows_of(folder / "timm_runs.csv")}
    families = {(row["model"], row["img_size"]): row["family"] for row in rows_of(folder / "timm_models.csv")}
    for row in rows_of(folder / "timm_results.csv"):
        run = runs[row["run_id"]]
        device, chip = CARDS[run["device"]]
        runtime = "torch_compile" if run["mode"] == "dynamo" else "torch_eager"
        dtype = {"amp": "amp_fp16", "amp_bf16": "amp_bf16", "bf16": "bf16", "fp32": "fp32"}[run["dtype"]]
        yield {
            "device": device, "chip": chip, "unit": "cpu" if run["compute"] == "cpu" else "gpu", "runtime": runtime,
            "runtime_version": f"{run['runtime'].split()[1]} {run['layout']}", "model": row["model"],
            "family": families[row["model"], row["img_size"]], "phase": run["task"],
            "input_shape": row["img_size"], "batch": row["batch"], "dtype": dtype, "metric": "fps", "value": row["samples_per_s"],
        }  # fmt: skip


def llm(folder: Path) -> Iterator[Row]:
    """Tokens per second of language models on GPUs."""
    for row in rows_of(folder / "llm_decode.csv"):
        found = next(((device, chip) for part, device, chip in LLM_DEVICES if part in row["device"]), None)
        if not row["tokens_per_s"] or row["compute"] in ("cpu", "npu") or found is None or "Cluster" in row["device"]:
            continue
        prefill = row["test"].startswith("pp")
        tokens = re.sub(r"\D", "", row["test"])
        cards = re.search(r"\* (\d)", row["device"])
        slow = SLOW_HOST.search(row["device"]) is not None
        reason = ""
        if row["source_id"] == "yzma":
            reason = "tiny model of unstated size, short runs"
        elif slow and "R9700" in row["device"] and "gpt-oss" in row["model"]:
            reason = "does not stay on the GPU"
        yield {
            "source_id": row["source_id"], "device": found[0], "chip": found[1], "unit": "gpu", "runtime": "llama_cpp",
            "runtime_version": row["runtime_version_or_date"], "model": LLM_MODELS[row["model"]], "family": row["family"],
            "phase": "prefill" if prefill else "decode", "batch": 1, "context": tokens if prefill or not tokens else int(tokens) // 2,
            "dtype": row["quant"].split(" ")[0].lower(), "metric": "tokens_per_s", "value": row["tokens_per_s"],
            "notes": notes(
                cards=cards[1] if cards else "", host="slow" if slow else "", backend="vulkan" if "Vulkan" in row["runtime"] else "",
                parameters_1e9=row["params_b"], active_1e9=row["active_params_b"], file_gb=row["model_size_gb"],
                power_w=row["power_w"], left_out=reason,
            ),
        }  # fmt: skip


def ncnn_vulkan(folder: Path) -> Iterator[Row]:
    """Latencies of ncnn on GPUs through Vulkan, one run per GPU, date and setting."""
    seen: dict[tuple[str, ...], int] = {}
    for row in rows_of(folder / "ncnn_benchmark.csv"):
        if row["compute"] != "gpu":
            continue
        reason = ""
        if row["dtype"] == "int8":
            reason = "8-bit copies run partly on the CPU"
        elif "SUSPECT" in row["notes"]:
            reason = "broken run of the source"
        elif not row["chip"]:
            reason = "no GPU is named"
        key = (row["device"], row["chip"], row["runtime_version_or_date"], row["model"])
        seen[key] = seen.get(key, 0) + 1
        unstable = any(part in row["device"] for part in UNSTABLE)
        chip = row["chip"] or row["device"]
        yield {
            "source_id": "ncnn", "device": VULKAN_DEVICES.get(chip, slug(chip)), "chip": chip, "unit": "gpu",
            "runtime": "ncnn_vulkan", "runtime_version": f"{row['runtime_version_or_date']} {seen[key]}",
            "model": f"ncnn_{slug(row['model'])}", "family": row["family"], "phase": "infer", "input_shape": row["input_shape"],
            "batch": 1, "dtype": "int8" if row["dtype"] == "int8" else "fp16", "metric": "latency_s",
            "value": f"{float(row['latency_ms']) * 1e-3:.7g}", "notes": notes(repeatable="no" if unstable else "", left_out=reason),
        }  # fmt: skip


#: Column of the tables of cells -> (device, chip, runtime, batch, type).
CELL_COLUMNS: dict[str, tuple[str, str, str, int, str]] = {
    **{
        f"{card}_{batch}_ms": (device, chip, "torch_eager", batch, "fp32")
        for card, device, chip in (
            ("1080ti", "gtx_1080_ti", "GP102"), ("2080ti", "rtx_2080_ti", "TU102"), ("titanx", "titan_x_pascal", "GP102"),
            ("titanxp", "titan_xp", "GP102"),
        )
        for batch in (1, 32, 256)
    },
    "latbench_jetson_nano_fp32_ms": ("jetson_nano", "Tegra X1", "tensorrt", 1, "fp32"),
    "latbench_jetson_nano_fp16_ms": ("jetson_nano", "Tegra X1", "tensorrt", 1, "fp16"),
    "hwnasbench_jetson_tx2_edgegpu_ms": ("jetson_tx2", "Tegra X2", "tensorrt", 1, "fp32"),
}  # fmt: skip

#: Rows kept of each column: enough to fit on 100 and test on 1,000; of larger batches a part.
KEPT, KEPT_LARGE = 1200, 400


def nasbench201_gpu(folder: Path) -> Iterator[Row]:
    """Latencies of cells of NAS-Bench-201 on GPUs."""
    for name in ("nasbench201_latency.csv", "nasbench201_oneproxy_latency.csv"):
        table = list(rows_of(folder / name))
        for column, (device, chip, runtime, batch, dtype) in CELL_COLUMNS.items():
            if column not in table[0]:
                continue
            alive = [row for row in table if row[column] and depends_on_input(row["arch_code"])]
            for row in alive[: KEPT if batch == 1 else KEPT_LARGE]:
                yield {
                    "device": device, "chip": chip, "unit": "gpu", "runtime": runtime, "model": f"nasbench201:{row['arch_code']}",
                    "phase": "infer", "batch": batch, "dtype": dtype, "metric": "latency_s",
                    "value": f"{float(row[column]) * 1e-3:.6g}",
                }  # fmt: skip


def depends_on_input(code: str) -> bool:
    """True where the output of a cell is reached from its input."""
    nodes = {0}
    for letter, (start, end) in zip(code, ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)), strict=True):
        if letter != "n" and start in nodes:
            nodes.add(end)
    return 3 in nodes


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def write(name: str, rows: Iterable[Row]) -> None:
    listed = list(rows)
    target = HERE / name / ("data.csv.xz" if name == "timm" else "data.csv")
    target.parent.mkdir(exist_ok=True)
    opened = lzma.open if target.suffix == ".xz" else open
    with opened(target, "wt", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
    print(f"{name}: {len(listed)} rows, {target.stat().st_size} B")


TABLES: dict[str, Callable[[Path], Iterator[Row]]] = {
    "timm": timm, "llm": llm, "ncnn_vulkan": ncnn_vulkan, "nasbench201_gpu": nasbench201_gpu,
}  # fmt: skip

if __name__ == "__main__":
    for name, rows in TABLES.items():
        write(name, rows(Path(sys.argv[1])))
