"""Repair of int8 files: the same function in float, less error in int8, and an honest account of what did not help."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.runtime import start_tensorflow

start_tensorflow()

from edgenas.errors import EdgenasError  # noqa: E402
from edgenas.evaluation import evaluate_outputs  # noqa: E402
from edgenas.export.candidate import Candidate  # noqa: E402
from edgenas.export.choice import Bench, convert_best  # noqa: E402
from edgenas.export.drops import metric_drops_percent  # noqa: E402
from edgenas.export.engines.litert_quantizer import is_installed  # noqa: E402
from edgenas.export.engines.tensorflow import to_tflite  # noqa: E402
from edgenas.export.litert_model import LitertModel  # noqa: E402
from edgenas.export.operator_errors import operator_errors, worst_operators  # noqa: E402
from edgenas.export.repair import fine_tuning, loop  # noqa: E402
from edgenas.export.repair.bias_correction import correct_biases  # noqa: E402
from edgenas.export.repair.channels import channel_facts  # noqa: E402
from edgenas.export.repair.equalisation import RELU6_MARGIN, channel_groups, equalise  # noqa: E402
from edgenas.export.repair.fine_tuning import activation_ranges  # noqa: E402
from edgenas.export.repair.folded import fold  # noqa: E402
from edgenas.export.repair.ground import Ground, prepare_ground  # noqa: E402
from edgenas.export.repair.keras_network import keras_network  # noqa: E402
from edgenas.export.repair.state import RepairContext  # noqa: E402
from edgenas.export.repair.wider import widened  # noqa: E402
from edgenas.graph import parse_tflite  # noqa: E402
from edgenas.training.trainer import predictor_of  # noqa: E402


def sqnr_db(files: Any, data: bytes, tmp_path: Path) -> dict[str, float]:
    path = tmp_path / "file.tflite"
    path.write_bytes(data)
    wanted, got = predictor_of(files.model)(files.frames), LitertModel(path)(files.frames)
    return {
        h: float(10 * np.log10(np.square(w).sum() / np.square(w - got[h]).sum())) for h, w in wanted.items()
    }


def context_of(files: Any, tmp_path: Path, **changes: Any) -> tuple[RepairContext, Ground, Any]:
    """A context, the ground and the plain file."""
    bench = Bench(tmp_path, "net", predictor_of(files.model), files.frames[:8])
    tasks = tuple(sorted(files.model.output))
    before = evaluate_outputs(predictor_of(files.model), files.validation, tasks)
    context = RepairContext(
        files.train, files.images, files.frames,
        convert=lambda ground, images: convert_best(
            ground.model, "int8", engine="tensorflow", bench=bench, images=images, float_file=ground.float_file
        )[0],
        compare=bench.compare,
        measure=lambda one: metric_drops_percent(before, evaluate_outputs(one.run, files.validation, tasks)),
    )  # fmt: skip
    ground = Ground(files.model, files.float_file, fold(files.float_file))
    return (
        dataclasses.replace(context, **changes),
        ground,
        bench.compare(Candidate(files.int8_file, "int8", "x")),
    )


def test_a_folded_network_is_the_network(plain: Any) -> None:
    network = fold(plain.float_file)
    model = keras_network(network)
    batch = np.concatenate(plain.images[:4])
    wanted, got = plain.model(batch, training=False), model(batch)
    assert set(wanted) == set(got)
    for head in wanted:
        np.testing.assert_allclose(got[head], wanted[head], atol=1e-4)
    # Converted again it has the same operators, weights and activations folded as before.
    assert parse_tflite(to_tflite(model, format="float32")) == parse_tflite(plain.float_file)
    assert {"stem_conv", "stage1_block1/expand", "stage1_block2/add"} <= {p.name for p in network.parts}


def test_equalisation_keeps_the_function(plain: Any, hostile: Any) -> None:
    for files in (plain, hostile):
        network = fold(files.float_file)
        equal = equalise(network, channel_facts(files.float_file, files.frames))
        changed = [n for n in network.kernels if not np.array_equal(network.kernels[n], equal.kernels[n])]
        assert len(changed) > len(network.kernels) // 2
        batch = np.concatenate(files.images)
        wanted, got = files.model(batch, training=False), keras_network(equal)(batch)
        for head in wanted:
            np.testing.assert_allclose(got[head], wanted[head], atol=1e-4 * float(np.abs(wanted[head]).max()))


def test_channels_that_relu6_clips_keep_their_scale(plain: Any) -> None:
    calm = fold(plain.float_file)
    # Expansions that reach the limit in some channels.
    loud = {
        n: k * np.linspace(1, 12, k.shape[3], dtype=np.float32) for n, k in calm.kernels.items() if n == 1
    }
    network = calm.with_weights({**calm.kernels, **loud}, calm.biases)

    def facts_of(changed: Any) -> Any:
        return channel_facts(to_tflite(keras_network(changed), format="float32"), plain.frames)

    facts = facts_of(network)
    after = facts_of(equalise(network, facts))
    clipped = raised = 0
    for group in channel_groups(network):
        for number in group:
            if network.parts[number].activation == "relu6":
                near = facts[number].largest * RELU6_MARGIN > 6
                clipped += int(near.sum())
                raised += int((after[number].largest > 1.01 * facts[number].largest).sum())
                np.testing.assert_allclose(
                    after[number].largest[near], facts[number].largest[near], rtol=1e-3
                )
                assert (after[number].largest * RELU6_MARGIN <= 6.01)[~near].all()
    assert clipped > 0 and raised > 0


def test_a_hostile_network_is_blamed_and_repaired(plain: Any, hostile: Any, tmp_path: Path) -> None:
    before = sqnr_db(hostile, hostile.int8_file, tmp_path)
    usual = sqnr_db(plain, plain.int8_file, tmp_path)
    assert min(usual[head] - before[head] for head in usual) > 3, (usual, before)
    worst = worst_operators(operator_errors(hostile.float_file, hostile.int8_file, hostile.frames[:4]), 3)
    assert {e.name for e in worst} & {
        "stage2_block1/project",
        "stage2_block2/project",
        "stage2_block2/add",
    }, worst
    ground = prepare_ground(hostile.model, hostile.float_file, hostile.frames)
    mended = to_tflite(ground.model, format="int8", representative=hostile.images)
    after = sqnr_db(hostile, mended, tmp_path)
    assert min(after[head] - before[head] for head in usual) > 3, (before, after)
    assert min(after[head] - usual[head] for head in usual) > -3, (usual, after)
    assert parse_tflite(mended).operators == parse_tflite(hostile.int8_file).operators


def test_bias_correction_takes_the_shift_out_of_the_fragile_heads(plain: Any, tmp_path: Path) -> None:
    corrected = correct_biases(plain.float_file, plain.int8_file, plain.frames)
    outputs = fold(plain.float_file).outputs
    wanted, before, after = (
        channel_facts(data, plain.frames) for data in (plain.float_file, plain.int8_file, corrected)
    )
    ratios = [sqnr_db(plain, data, tmp_path) for data in (plain.int8_file, corrected)]
    for head in ("depth", "normals"):
        means = [facts[outputs[head]].mean for facts in (wanted, before, after)]
        shift = [float(np.abs(mean - means[0]).max()) for mean in means[1:]]
        # What may be left is below the rounding of the head's last resize.
        assert shift[1] < 0.7 * shift[0] or shift[1] < 2e-3 * float(np.abs(means[0]).max()), (head, shift)
        assert ratios[1][head] > ratios[0][head] - 0.3, head
    assert parse_tflite(corrected) == parse_tflite(plain.int8_file)


def test_the_student_computes_what_the_int8_file_computes(plain: Any, tmp_path: Path) -> None:
    path = tmp_path / "file.tflite"
    path.write_bytes(plain.int8_file)
    student = keras_network(fold(plain.float_file), activation_ranges(plain.int8_file))
    file = LitertModel(path)
    given, got = student(np.concatenate(plain.images[:4])), file(plain.frames[:4])
    for head, detail in file.output_details.items():
        steps = np.abs(np.asarray(given[head]) - got[head]) / detail.scale
        assert float(np.mean(steps)) < 1.0, head


def test_fine_tuning_brings_the_rounded_weights_nearer(
    hostile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "_STEPS", 20)
    context, ground, compared = context_of(hostile, tmp_path)
    start = loop.Mended(ground, compared, context.measure(compared))
    tuned = fine_tuning.fine_tune(context, start)
    assert tuned is not None and tuned.ground.network is not None and ground.network is not None
    batch = np.concatenate(hostile.images)
    wanted = hostile.model(batch, training=False)

    def loss(network: Any, data: bytes) -> float:
        given = keras_network(network, activation_ranges(data))(batch)
        return sum(float(np.mean(np.square(given[h] - wanted[h])) / np.var(wanted[h])) for h in wanted)

    data = compared.candidate.data
    before, after = (loss(one.network, data) for one in (ground, tuned.ground))
    assert after < before
    assert "fine-tuning" in tuned.compared.candidate.notes[-1]
    assert parse_tflite(tuned.compared.candidate.data).operators == parse_tflite(data).operators


@pytest.mark.skipif(not is_installed(), reason="ai-edge-quantizer is not installed")
def test_16_bits_only_where_allowed_and_named(hostile: Any, tmp_path: Path) -> None:
    context, ground, compared = context_of(hostile, tmp_path, max_drop_percent=50.0)
    start = loop.Mended(ground, compared, context.measure(compared))
    assert widened(context, start) is None
    mended = widened(dataclasses.replace(context, allow_mixed=True), start)
    assert mended is not None
    assert "Edge TPU" in mended.compared.candidate.notes[-1] and "/" in mended.compared.candidate.notes[-1]
    kinds = {t.dtype for t in parse_tflite(mended.compared.candidate.data).tensors.values()}
    assert "int16" in kinds and "float32" not in kinds


def test_the_loop_keeps_what_helps_and_names_what_is_left(
    hostile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap = tuple(step for step in loop.STEPS if "fine-tuning" not in step[0])
    monkeypatch.setattr(loop, "STEPS", cheap)
    context, ground, compared = context_of(hostile, tmp_path, max_drop_percent=-50.0)
    found = loop.repair(context, ground, compared)
    worst = [row["worst_drop_percent"] for row in found.section["steps"] if row["kept"]]
    assert worst == sorted(worst, reverse=True)
    assert max(max(row.values()) for row in found.best.drops.values()) == pytest.approx(worst[-1])
    assert found.failed is not None and "stage2_block" in found.failed and "--keep" in found.failed
    assert any(f"head '{head}'" in found.failed for head in hostile.model.output)
    # A file that is good enough is left alone.
    easy = loop.repair(dataclasses.replace(context, max_drop_percent=99.9), ground, compared)
    assert easy.failed is None and len(easy.section["steps"]) == 1 and easy.best.compared is compared


def test_files_of_other_operators_are_not_compared(plain: Any) -> None:
    other = to_tflite(_one_layer(), format="float32")
    with pytest.raises(EdgenasError, match="other operators"):
        operator_errors(other, plain.int8_file, plain.frames[:1])


def test_unknown_operators_leave_the_network_alone(plain: Any) -> None:
    model = _one_layer()
    ground = prepare_ground(model, to_tflite(model, format="float32"), plain.frames)
    assert ground.model is model and ground.network is None and "LOGISTIC" in ground.reason


def _one_layer() -> Any:
    import keras

    image = keras.Input((32, 64, 3))
    return keras.Model(image, {"depth": keras.layers.Conv2D(1, 3, activation="sigmoid")(image)})
