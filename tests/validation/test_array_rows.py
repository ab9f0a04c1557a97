"""Published rows of array parts: the errors stay where the model put them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from validation.array_rows import DATASETS, prediction, predictions
from validation.errors import DatasetError
from validation.reader import load_dataset

#: Dataset -> rows, mean and largest relative error allowed.
ALLOWED = {"edge_tpu": (23, 0.050, 0.125), "ethos_u": (2, 0.055, 0.06), "tpu_v1": (3, 0.035, 0.06)}


@pytest.mark.parametrize("name", DATASETS)
def test_errors(name: str) -> None:
    found = predictions(load_dataset(name))
    errors = np.array([abs(predicted / row.value - 1) for row, predicted in found])
    rows, mean, largest = ALLOWED[name]
    assert len(errors) == rows
    assert errors.mean() <= mean
    assert errors.max() <= largest


def test_settings_of_a_row_count() -> None:
    row = next(row for row in load_dataset("edge_tpu") if row.model == "mobilenet_v1" and row.runtime == "edgetpu_cpp")
    fast = prediction(row)
    assert prediction(replace(row, runtime="edgetpu_python")) - fast == pytest.approx(0.51e-3, rel=1e-3)
    assert prediction(replace(row, clock_mhz=250.0)) > 1.4 * fast


def test_what_cannot_be_predicted_is_refused() -> None:
    row = load_dataset("tpu_v1").rows[0]
    with pytest.raises(DatasetError, match="metric 'power_w'"):
        prediction(replace(row, metric="power_w"))
    with pytest.raises(DatasetError, match="model 'nothing'"):
        prediction(replace(row, model="nothing"))
