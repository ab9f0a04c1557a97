"""Decoder language models of the catalogue by name."""

from __future__ import annotations

from functools import partial

from workloads.networks import decoder as configurations
from workloads.networks.decoder import Decoder, decoder
from workloads.networks.network import Network

LLAMA2 = "Touvron et al., Llama 2: open foundation and fine-tuned chat models, 2023; config.json of the checkpoint"
LLAMA3 = "Grattafiori et al., The Llama 3 herd of models, 2024; config.json of the checkpoint"
QWEN2_5 = "Yang et al., Qwen2.5 technical report, 2024; config.json of the checkpoint"


def _entry(model: Decoder, title: str, source: str) -> Network:
    return Network(partial(decoder, model), f"{title}: one decode step after 512 tokens, or a prefill", source)


#: Name -> entry.
DECODERS: dict[str, Network] = {
    "llama2_7b": _entry(configurations.LLAMA2_7B, "Llama 2 7B", LLAMA2),
    "llama2_13b": _entry(configurations.LLAMA2_13B, "Llama 2 13B", LLAMA2),
    "llama2_70b": _entry(configurations.LLAMA2_70B, "Llama 2 70B", LLAMA2),
    "llama3_8b": _entry(configurations.LLAMA3_8B, "Llama 3 8B", LLAMA3),
    "llama3_70b": _entry(configurations.LLAMA3_70B, "Llama 3 70B", LLAMA3),
    "llama3_1_8b": _entry(configurations.LLAMA3_1_8B, "Llama 3.1 8B", LLAMA3),
    "llama3_1_70b": _entry(configurations.LLAMA3_1_70B, "Llama 3.1 70B", LLAMA3),
    "llama3_1_405b": _entry(configurations.LLAMA3_1_405B, "Llama 3.1 405B", LLAMA3),
    "llama3_2_1b": _entry(configurations.LLAMA3_2_1B, "Llama 3.2 1B", LLAMA3),
    "llama3_2_3b": _entry(configurations.LLAMA3_2_3B, "Llama 3.2 3B", LLAMA3),
    "mistral_7b": _entry(configurations.MISTRAL_7B, "Mistral 7B", "Jiang et al., Mistral 7B, 2023; config.json of version 0.1"),
    "phi3_mini": _entry(
        configurations.PHI3_MINI, "Phi-3 mini, 3.8B", "Abdin et al., Phi-3 technical report, 2024; config.json, 4k context"
    ),
    "qwen2_5_0_5b": _entry(configurations.QWEN2_5_0_5B, "Qwen2.5 0.5B", QWEN2_5),
    "qwen2_5_1_5b": _entry(configurations.QWEN2_5_1_5B, "Qwen2.5 1.5B", QWEN2_5),
    "qwen2_5_7b": _entry(configurations.QWEN2_5_7B, "Qwen2.5 7B", QWEN2_5),
    "qwen3_0_6b": _entry(configurations.QWEN3_0_6B, "Qwen3 0.6B", "Yang et al., Qwen3 technical report, 2025; config.json"),
    "smollm_135m": _entry(configurations.SMOLLM_135M, "SmolLM 135M", "Ben Allal et al., SmolLM, 2024; config.json"),
    "tinyllama_1_1b": _entry(configurations.TINYLLAMA_1_1B, "TinyLlama 1.1B", "Zhang et al., TinyLlama, 2024; config.json"),
}
