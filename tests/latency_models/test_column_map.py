"""Published columns and the configurations that they are about."""

from __future__ import annotations

import pytest

from edgenas.device_profiles.catalogue import list_devices
from edgenas.latency_models.column_map import columns_of, configuration_of_column


@pytest.mark.parametrize(
    ("format", "column", "expected"),
    [
        ("nasbench201", "true_a76", ("cortex-a76", "float32")),
        ("nasbench201", "rice_edgetpu", ("edgetpu", "lab-hwnasbench")),
        ("nasbench201", "eagle_tpu", ("edgetpu", "lab-eagle")),
        ("mobile-ml-benchmark", "pixel4|1large|quant", ("pixel4", "1large-int8")),
        ("fbnet", "true_a76", None),
        ("nasbench201", "true_a76_ms", None),
        ("nasbench201", "", None),
    ],
)
def test_columns(format: str, column: str, expected: tuple[str, str] | None) -> None:
    assert configuration_of_column(format, column) == expected


def test_no_column_is_about_two_configurations() -> None:
    stated = [
        column for profile in list_devices() for configuration in profile.configurations
        for column in configuration.columns
    ]  # fmt: skip
    assert len(stated) == len(set(stated)) > 100


def test_columns_of_a_device_lead_back_to_it() -> None:
    for profile in list_devices():
        for configuration, pairs in columns_of(profile.name).items():
            for pair in pairs:
                assert configuration_of_column(*pair) == (profile.name, configuration)
    assert columns_of("nobody") == {}
    assert set(columns_of("cortex-a76")) == {"float32"}
