"""Measured latencies beside estimates: only rows of the same network, device, runtime, type and batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from validation.beside import measured_seconds


@dataclass
class Asked:
    network: str
    device: str
    settings: dict[str, Any] = field(default_factory=dict)


def test_rows_of_the_same_settings() -> None:
    board = Asked("resnet18", "jetson_nano", {"runtime": "tensorrt", "unit": "gpu", "dtype": "fp16", "batch": 1})
    assert measured_seconds([board]) == ({"jetson_nano": [0.0114]}, {})
    other = Asked("resnet18", "jetson_nano", {"runtime": "tensorrt", "unit": "gpu", "dtype": "fp32", "batch": 1})
    assert measured_seconds([other, Asked("resnet18", "no_such_device")]) == ({}, {"jetson_nano": [0.0114]})
    batch = Asked("resnet18", "jetson_nano", {"batch": 8})
    assert measured_seconds([batch]) == ({}, {})
