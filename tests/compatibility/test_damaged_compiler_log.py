"""Logs of edgetpu_compiler that are cut, mixed or beyond measure: flagged, with the outcome in doubt told."""

from __future__ import annotations

import pytest

from edgenas.compatibility.compiler_log import parse_compiler_log

HEAD = "Edge TPU Compiler version 16.0.384591198\nStarted a compilation timeout timer of 180 seconds.\n"
FAILED = (
    f"{HEAD}ERROR: Restored original execution plan after delegate application failure.\n"
    "Compilation failed: Compilation failed due to large activation tensors in model.\n"
    "Compilation child process completed within timeout period.\nCompilation failed! \n"
)
TABLE = (
    "Edge TPU Compiler version 16.0.384591198\nInput: m.tflite\nOutput: m_edgetpu.tflite\n\n"
    "Operator                       Count      Status\n\n"
    "CONV_2D                        30         Mapped to Edge TPU\n"
    "ADD                            6          Mapped to Edge TPU\n"
)


def test_a_log_without_an_outcome_is_in_doubt() -> None:
    """The compiler's crash (google-coral/edgetpu/issues/643) and a cut log look alike."""
    (log,) = parse_compiler_log(HEAD)
    assert log.failure == "The compiler ended without saying how." and log.partial
    assert "the compiler crashed, or the log is cut" in log.problems[0]


def test_a_failure_cut_at_every_character() -> None:
    (whole,) = parse_compiler_log(FAILED)
    assert not whole.partial and "large activation tensors" in whole.failure
    for end in range(len(HEAD), len(FAILED)):
        for log in parse_compiler_log(FAILED[:end]):
            assert log.partial or log.failure == whole.failure, FAILED[:end]


def test_a_log_file_before_the_end_of_what_was_printed() -> None:
    (clean,) = parse_compiler_log(TABLE)
    assert not clean.partial and clean.mapped_count == 36
    for line in (
        "Compilation succeeded! \n",
        "Model compiled successfully in 3173 ms.\n",
        "Total number of operations: 36\n",
        "Number of Edge TPU subgraphs: 1\n",
    ):
        logs = parse_compiler_log(
            f"{TABLE}{line}SUB                            2          Mapped to Edge TPU\n"
        )
        assert logs[0].partial or (logs[0].mapped_count == 36 and len(logs) == 2), line


@pytest.mark.parametrize("status", [
    "Filter, bias, or other param is not constant at compile-time",
    "For example, a fully-connected or softmax layer with 2D output",
])  # fmt: skip
def test_statuses_of_old_versions(status: str) -> None:
    (log,) = parse_compiler_log(f"{TABLE}FULLY_CONNECTED                1          {status}\n")
    assert not log.partial and (log.mapped_count, log.unmapped_count) == (36, 1)


def test_counts_beyond_measure() -> None:
    many = "3" * 5000
    (log,) = parse_compiler_log(TABLE.replace("30  ", f"{many}  "))
    assert log.partial and log.operations[0].type == "ADD"
    printed = f"{HEAD}Model compiled successfully in 1 ms.\nTotal number of operations: {many}\n"
    assert parse_compiler_log(printed)[0].total_operations is None
