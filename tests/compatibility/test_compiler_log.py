"""Logs of edgetpu_compiler. The texts are its real output, copied from public threads that each constant names."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgenas.compatibility.compiler_log import CompilerLog, parse_compiler_log
from edgenas.errors import UsageError

# github.com/google-coral/edgetpu/issues/490 (v16 without its first lines), put behind the head of issue 433.
V16_TABLE = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 96 ms.

Input model: inference_proxy.tflite
Input size: 7.02MiB
Output model: inference_proxy_edgetpu.tflite
Output size: 7.14MiB
On-chip memory used for caching model parameters: 80.00KiB
On-chip memory remaining for caching model parameters: 6.04MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 191
Operation log: inference_proxy_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will \
instead run on the CPU, which is slower. If possible, consider updating your model to use only operations supported \
by the Edge TPU. For details, visit g.co/coral/model-reqs.
Number of operations that will run on Edge TPU: 2
Number of operations that will run on CPU: 189

Operator                       Count      Status

TRANSPOSE                      106        Operation not supported
FULLY_CONNECTED                1          More than one subgraph is not supported
PAD                            1          Mapped to Edge TPU
PAD                            17         More than one subgraph is not supported
ADD                            10         More than one subgraph is not supported
MEAN                           2          More than one subgraph is not supported
CONV_2D                        35         More than one subgraph is not supported
QUANTIZE                       1          Mapped to Edge TPU
QUANTIZE                       1          Operation is otherwise supported, but not mapped due to some unspecified \
limitation
DEPTHWISE_CONV_2D              17         More than one subgraph is not supported
Compilation child process completed within timeout period.
Compilation succeeded!\x20
"""

# github.com/google-coral/edgetpu/issues/572: everything is mapped, so no line about the CPU.
V16_ALL_MAPPED = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 542 ms.

Input model: quantized_model.tflite
Input size: 4.04MiB
Output model: quantized_model_edgetpu.tflite
Output size: 4.13MiB
On-chip memory used for caching model parameters: 604.50KiB
On-chip memory remaining for caching model parameters: 511.50KiB
Off-chip memory used for streaming uncached model parameters: 3.45MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 50
Operation log: quantized_model_edgetpu.log
See the operation log file for individual operation details.
Compilation child process completed within timeout period.
Compilation succeeded!
"""

# The tensorflow article "motion blur on the Edge TPU" (find_string "On-chip memory available for caching").
V2_0 = """Edge TPU Compiler version 2.0.267685300

Model compiled successfully in 231 ms.

Input model: motion_blur_1_1920_1058_3_25_1.57.tflite
Input size: 3.03KiB
Output model: motion_blur_1_1920_1058_3_25_1.57_edgetpu.tflite
Output size: 296.85KiB
On-chip memory available for caching model parameters: 1.73MiB
On-chip memory used for caching model parameters: 10.00KiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 3
Operation log: motion_blur_1_1920_1058_3_25_1.57_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will \
instead run on the CPU, which is slower.
Number of operations that will run on Edge TPU: 1
Number of operations that will run on CPU: 2

Operator                       Count      Status

DEPTHWISE_CONV_2D              1          Mapped to Edge TPU
DEQUANTIZE                     1          Operation is working on an unsupported data type
QUANTIZE                       1          Operation is otherwise supported, but not mapped due to some unspecified \
limitation
"""

# github.com/google-coral/edgetpu/issues/518
CO_COMPILED = """Edge TPU Compiler version 15.0.340273435
Models compiled successfully in 2988 ms.
Input model: cnn.tflite
Input size: 8.00MiB
Output model: cnn_edgetpu.tflite
Output size: 9.30MiB
On-chip memory used for caching model parameters: 7.16MiB
On-chip memory remaining for caching model parameters: 2.25KiB
Off-chip memory used for streaming uncached model parameters: 2.95MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 313
Operation log: cnn_edgetpu.log
See the operation log file for individual operation details.
Input model: rnn.tflite
Input size: 2.97MiB
Output model: rnn_edgetpu.tflite
Output size: 4.74MiB
On-chip memory used for caching model parameters: 0.00B
On-chip memory remaining for caching model parameters: 2.25KiB
Off-chip memory used for streaming uncached model parameters: 4.53MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 78
Operation log: rnn_edgetpu.log
See the operation log file for individual operation details.
"""

# github.com/google-coral/edgetpu/issues/557 and 671: two segments, the second one fails after a delegate search.
SEGMENTS = """Edge TPU Compiler version 16.0.384591198
Searching for valid delegate with step 10
Try to compile segment with 84 ops
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 1857 ms.

Input model: efficientdet_lite3_512_ptq_segment_0_of_2.tflite
Input size: 5.20MiB
Output model: efficientdet_lite3_512_ptq_segment_0_of_2_edgetpu.tflite
Output size: 6.51MiB
On-chip memory used for caching model parameters: 6.02MiB
On-chip memory remaining for caching model parameters: 1.02MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 84
Operation log: efficientdet_lite3_512_ptq_segment_0_of_2_edgetpu.log

Operator                       Count      Status

QUANTIZE                       1          Mapped to Edge TPU
DEPTHWISE_CONV_2D              22         Mapped to Edge TPU
ADD                            15         Mapped to Edge TPU
CONV_2D                        46         Mapped to Edge TPU
Compilation child process completed within timeout period.
Compilation succeeded!\x20
Searching for valid delegate with step 10
Try to compile segment with 340 ops
Started a compilation timeout timer of 180 seconds.
ERROR: Restored original execution plan after delegate application failure.
Compilation failed: Compilation failed due to large activation tensors in model.
Compilation child process completed within timeout period.
Compilation failed!\x20
Try to compile segment with 330 ops
Intermediate tensors: tfl.dequantize,Reshape,Reshape_8,Reshape_2,Reshape_4
Started a compilation timeout timer of 180 seconds.
ERROR: Restored original execution plan after delegate application failure.
Compilation failed: Compilation failed due to large activation tensors in model.
Compilation child process completed within timeout period.
Compilation failed!\x20
"""

# The file that issue 393's compiler wrote, with the rows of a public v15 log of the same kind.
LOG_FILE = """Edge TPU Compiler version 15.0.340273435
Input: mnist4.tflite
Output: mnist4_edgetpu.tflite

Operator                       Count      Status

RESHAPE                        1          Mapped to Edge TPU
CONV_2D                        2          Mapped to Edge TPU
SOFTMAX                        1          Mapped to Edge TPU
QUANTIZE                       1          Operation is otherwise supported, but not mapped due to some unspecified \
limitation
DEQUANTIZE                     1          Operation is working on an unsupported data type
MAX_POOL_2D                    2          Mapped to Edge TPU
FULLY_CONNECTED                2          Mapped to Edge TPU
"""

FAILURES = {
    # issues 211, 47
    "Edge TPU Compiler version 14.1.317412892\n\nInternal compiler error. Aborting! \n": "Internal compiler error.",
    # issue 829
    "Edge TPU Compiler version 16.0.384591198\nStarted a compilation timeout timer of 180 seconds.\n"
    "ERROR: Attempting to use a delegate that only supports static-sized tensors with a graph that has "
    "dynamic-sized tensors.\nCompilation failed: Model failed in Tflite interpreter. Please ensure model can be "
    "loaded/run in Tflite interpreter.\nCompilation child process completed within timeout period.\n"
    "Compilation failed! \n": "Model failed in Tflite interpreter. Please ensure",
    # issue 168
    "Edge TPU Compiler version 14.1.317412892\nInvalid model: my_mnist_quant.tflite\nModel not quantized\n": (
        "Invalid model: my_mnist_quant.tflite; Model not quantized"
    ),
    # issue 879
    "Edge TPU Compiler version 16.0.384591198\nERROR: Didn't find op for builtin opcode 'QUANTIZE' version '3'. An "
    "older version of this builtin might be supported. Are you using an old TFLite binary with a newer model?\n\n"
    "ERROR: Registration failed.\n\nInvalid model: /mnt/e/models/quantized_model.tflite\nModel could not be parsed\n": (
        "Didn't find op for builtin opcode 'QUANTIZE' version '3'"
    ),
    # issue 800
    "Edge TPU Compiler version 16.0.384591198\nStarted a compilation timeout timer of 180 seconds.\n"
    "Compilation child process completed within timeout period.\nCompilation failed! \n": "Compilation failed!",
    # issue 686
    "Edge TPU Compiler version 16.0.384591198\nStarted a compilation timeout timer of 180 seconds.\n"
    "Compilation timeout. This is usually caused by large activations.\nCompilation failed! \n": "Compilation timeout.",
    # issue 669, with the line of issue 411
    "Edge TPU Compiler version 15.0.340273435\n/usr/bin/edgetpu_compiler: line 3: 1299616 Segmentation fault "
    "(core dumped) ${d}/edgetpu_compiler_bin/ld-linux-x86-64.so.2\n": "Segmentation fault (core dumped)",
    # issue 4
    "Edge TPU Compiler version 2.0.267685300\nterminating with uncaught exception of type std::out_of_range: vector\n\n"
    "Internal compiler error. Aborting!\n": "std::out_of_range",
}


def _one(text: str) -> CompilerLog:
    (log,) = parse_compiler_log(text)
    return log


def test_stdout_of_version_16_with_its_table() -> None:
    log = _one(V16_TABLE)
    assert not log.partial and log.problems == () and log.failure == ""
    assert log.version == "16.0.384591198"
    assert (log.input_model, log.output_model) == ("inference_proxy.tflite", "inference_proxy_edgetpu.tflite")
    assert log.on_chip_used_bytes == 80 * 1024
    assert log.on_chip_remaining_bytes == round(6.04 * 2**20)
    assert log.off_chip_bytes == 0
    assert (log.edgetpu_subgraphs, log.total_operations) == (1, 191)
    assert (log.mapped_count, log.unmapped_count) == (2, 189)
    pads = [(o.count, o.mapped) for o in log.operations if o.type == "PAD"]
    assert pads == [(1, True), (17, False)]


def test_a_model_that_is_wholly_mapped_has_no_line_about_the_cpu() -> None:
    log = _one(V16_ALL_MAPPED)
    assert not log.partial
    assert (log.mapped_count, log.unmapped_count) == (50, 0)
    assert log.problems == (
        "That all operations are mapped follows only from the missing line about the CPU.",
    )


def test_version_2_states_what_is_available() -> None:
    log = _one(V2_0)
    assert not log.partial
    assert log.on_chip_used_bytes == 10 * 1024
    assert log.on_chip_remaining_bytes == round(1.73 * 2**20) - 10 * 1024
    assert (log.mapped_count, log.unmapped_count) == (1, 2)


def test_models_compiled_together_give_a_result_each() -> None:
    cnn, rnn = parse_compiler_log(CO_COMPILED)
    assert not cnn.partial and not rnn.partial
    assert (cnn.total_operations, rnn.total_operations) == (313, 78)
    assert (cnn.on_chip_used_bytes, rnn.on_chip_used_bytes) == (round(7.16 * 2**20), 0)
    assert cnn.version == rnn.version == "15.0.340273435"


def test_segments_and_the_attempts_of_a_search() -> None:
    first, second = parse_compiler_log(SEGMENTS)
    assert not first.partial and first.mapped_count == 84 and first.failed_attempts == 0
    assert second.failure.startswith("Compilation failed due to large activation tensors in model.")
    assert second.failed_attempts == 1
    assert second.mapped_count is None and second.total_operations is None and second.version == first.version


def test_the_log_file_has_a_table_only() -> None:
    log = _one(LOG_FILE)
    assert not log.partial
    assert (log.input_model, log.mapped_count, log.unmapped_count) == ("mnist4.tflite", 8, 2)
    assert log.total_operations is None and log.on_chip_used_bytes is None
    assert any("No total" in problem for problem in log.problems)


@pytest.mark.parametrize(("text", "failure"), FAILURES.items())
def test_failures(text: str, failure: str) -> None:
    log = _one(text)
    assert failure in log.failure
    assert log.mapped_count is None and log.operations == ()
    assert not log.partial


def test_a_compiler_that_prints_its_version_only_has_failed() -> None:  # issue 411
    log = _one("Edge TPU Compiler version 15.0.340273435\n")
    assert log.failure and log.partial


@pytest.mark.parametrize("text", ["", "\n", "hello\nOperator\n", '{"a": 1}', "ERROR: something"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no output of edgetpu_compiler"):
        parse_compiler_log(text)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("operations: 191", "operations: 19", "not 19|holds 191"),
        ("CPU: 189", "CPU: 18", "are not 191"),
        ("PAD                            17 ", "PAD                            1  ", "holds 175"),
        ("80.00KiB", "80,00KiB", "not written as"),
        ("80.00KiB", "80.0KiB", "not written as"),
        ("Mapped to Edge TPU", "Mapped to EdgeTPU", "Unknown status"),
        ("Compilation succeeded! \n", "", "succeeded"),
        ("Output size: 7.14MiB\n", "", "output size"),
    ],
)
def test_contradictions_are_told(old: str, new: str, expected: str) -> None:
    log = _one(V16_TABLE.replace(old, new))
    assert log.partial
    assert any(re.search(expected, problem) for problem in log.problems)


@pytest.mark.shared_data
def test_real_log_files(shared_data: Path) -> None:
    folder = shared_data / "latency" / "compiler_logs"
    counts = {}
    for path in sorted(folder.glob("*.log")):
        log = _one(path.read_text())
        assert (
            not log.partial and log.version == "1.0.249710469" and log.output_model == f"{path.stem}.tflite"
        )
        counts[path.stem] = (log.mapped_count, log.unmapped_count)
    assert len(counts) == 10
    assert counts["coco_ssd_mobilenet_v1_1.0_quant_2018_06_29_edgetpu"] == (63, 1)
    assert counts["model_conv_128x128x3x32x7x200_edgetpu"] == (202, 0)
    assert counts["model_mobilenet_v2_wo_fc_1024x512x3_edgetpu"] == (67, 0)


WHOLE = {"v16": V16_TABLE, "all": V16_ALL_MAPPED, "v2": V2_0, "file": LOG_FILE}
NOISE = [
    "11-24 09:41:00.123  1234  1234 I ActivityManager: Displayed 17 in 203 ms",
    "INFO: Initialized TensorFlow Lite runtime.",
    "Downloading 42%",
]
NUMBERS = (
    "on_chip_used_bytes", "on_chip_remaining_bytes", "off_chip_bytes", "edgetpu_subgraphs", "total_operations",
    "mapped_count", "unmapped_count",
)  # fmt: skip


def _check(text: str, clean: CompilerLog, *, checked: bool) -> None:
    """Every number of a result that is not flagged is that of the whole log."""
    try:
        logs = parse_compiler_log(text)
    except UsageError:
        return
    for log in logs:
        if log.partial or (not checked and log.problems):
            continue
        for name in NUMBERS:
            assert getattr(log, name) in (None, getattr(clean, name)), (name, text)
        counts = {(o.type, o.status): o.count for o in clean.operations}
        for operation in log.operations:
            assert counts[operation.type, operation.status] == operation.count


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_anywhere(kind: str) -> None:
    text = WHOLE[kind]
    clean = _one(text)
    for end in range(len(text)):
        _check(text[:end], clean, checked=kind in ("v16", "v2"))


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_lines_dropped_doubled_swapped_torn_and_mixed(kind: str, data: st.DataObject) -> None:
    lines = WHOLE[kind].splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        other = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, len(lines[place])))
        match data.draw(st.sampled_from(["drop", "double", "swap", "noise", "tear", "head", "tail", "join"])):
            case "tear":
                lines[place : place + 1] = [lines[place][:cut], lines[place][cut:]]
            case "head":
                lines[place] = lines[place][:cut]
            case "tail":
                lines[place] = lines[place][cut:]
            case "join":
                lines[place : place + 2] = ["".join(lines[place : place + 2])]
            case "drop" if len(lines) > 1:
                del lines[place]
            case "double":
                lines.insert(other, lines[place])
            case "swap":
                lines[place], lines[other] = lines[other], lines[place]
            case _:
                lines.insert(place, data.draw(st.sampled_from(NOISE)))
    _check("\n".join(lines) + "\n", _one(WHOLE[kind]), checked=kind in ("v16", "v2"))


@settings(max_examples=200, deadline=None)
@given(order=st.lists(st.booleans(), min_size=60, max_size=60))
@example(order=[True, False] * 30)
def test_two_runs_mixed_line_by_line(order: list[bool]) -> None:
    """The lines of two runs that write into one file at once."""
    runs = [V16_TABLE.splitlines(), V2_0.splitlines()]
    mixed = []
    for first in order:
        source = runs[0 if first else 1] or runs[0] or runs[1]
        if source:
            mixed.append(source.pop(0))
    mixed += runs[0] + runs[1]
    known = {log.input_model: log for log in (_one(V16_TABLE), _one(V2_0))}
    for log in parse_compiler_log("\n".join(mixed) + "\n"):
        if log.partial or log.failure:
            continue
        for name in NUMBERS:
            assert getattr(log, name) == getattr(known[log.input_model], name)


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("Edge TPU Compilrvson16.02:\nMBKi()!"), max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_compiler_log(text)
