from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.device_profiles import list_devices, vela_compiler
from edgenas.device_profiles.profile import VELA, Configuration
from edgenas.device_profiles.vela_compiler import compile_vela, require_configuration, vela_ini
from edgenas.device_profiles.vela_report import read_reasons, read_steps
from edgenas.device_profiles.vela_result import CPU, NPU, UNLISTED
from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
from edgenas.graph import read_tflite

CONFIGURATIONS = [
    pytest.param(configuration, id=configuration.accelerator)
    for profile in list_devices()
    if profile.kind == VELA
    for configuration in profile.configurations
]


def test_every_accelerator_of_vela_has_a_configuration() -> None:
    from ethosu.vela.architecture_features import Accelerator

    assert {c.values[0].accelerator for c in CONFIGURATIONS} == set(Accelerator.member_list())


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_configurations_compile(configuration: Configuration, vela_models: Any) -> None:
    result = compile_vela(vela_models.npu, configuration)
    graph = read_tflite(vela_models.npu)
    assert (result.accelerator, result.version[:2]) == (configuration.accelerator, "5.")
    assert result.npu_ms == pytest.approx(result.cycles.total / result.clock_mhz / 1e3) and result.npu_ms > 0
    assert result.cycles.total >= max(
        result.cycles.npu, result.cycles.sram, result.cycles.dram, result.cycles.flash
    )
    assert sum(o.cycles.total for o in result.operators) == result.cycles.total
    assert (result.unattributed_cycles, result.cpu_operators, result.npu_subgraphs) == (0, (), 1)
    assert [o.operator for o in result.operators] == list(graph.operators)
    assert {o.target for o in result.operators} == {NPU}
    assert 0 < graph.macs <= result.macs  # Vela counts resizes and pools too.
    assert result.sram_bytes > 0 and result.flash_bytes + result.dram_bytes > result.encoded_bytes > 0


def test_wider_accelerators_need_fewer_cycles(vela_models: Any) -> None:
    for device in ("ethos-u55", "ethos-u65", "ethos-u85"):
        cycles = [
            compile_vela(vela_models.npu, c.values[0]).cycles.npu
            for c in CONFIGURATIONS
            if c.values[0].accelerator.startswith(device)
        ]
        assert cycles == sorted(cycles, reverse=True) and cycles[0] > 1.2 * cycles[-1]


def test_operators_on_the_cpu(vela_models: Any, u55: Configuration) -> None:
    result = compile_vela(vela_models.resize4, u55)
    (resize,) = result.cpu_operators
    assert (resize.index, resize.type, resize.cycles.total) == (1, "RESIZE_BILINEAR", 0)
    assert resize.reason == "Scaling matches and operation has unsupported scale-factor=4"
    assert result.operators[0].target == NPU and result.npu_ms > 0
    u85 = next(c.values[0] for c in CONFIGURATIONS if c.values[0].accelerator == "ethos-u85-256")
    assert compile_vela(vela_models.resize4, u85).cpu_operators == ()


def test_float_network_is_all_on_the_cpu(vela_models: Any, u55: Configuration) -> None:
    result = compile_vela(vela_models.floating, u55)
    assert {o.target for o in result.operators} == {CPU}
    assert all("Float32" in o.reason for o in result.operators if o.type == "CONV_2D")
    assert (result.cycles.total, result.npu_ms, result.npu_subgraphs) == (0, 0.0, 0)


def test_steps_without_an_operator_are_counted(vela_models: Any, u55: Configuration) -> None:
    result = compile_vela(vela_models.argmax, u55)
    argmax = next(o for o in result.operators if o.type == "ARG_MAX")
    assert argmax.target == UNLISTED
    assert 0 < result.unattributed_cycles == result.cycles.total - result.operators[0].cycles.total


def test_float_part(vela_models: Any, u55: Configuration) -> None:
    result = compile_vela(vela_models.float_part, u55)
    assert [(o.type, o.reason) for o in result.cpu_operators][:2] == [
        ("DEQUANTIZE", "Unsupported opType"),
        ("CUMSUM", "Unsupported opType"),
    ]
    assert result.npu_subgraphs == 2


def test_result_is_repeatable(vela_models: Any, u55: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_vela(vela_models.npu, u55)
    assert compile_vela(vela_models.npu, u55) is first
    monkeypatch.setattr(vela_compiler, "_cache", {})
    again = compile_vela(vela_models.npu, u55)
    assert again is not first
    # Weights are packed in more than one way, some bytes apart; computing is the same.
    assert again.cycles.npu == first.cycles.npu
    assert again.cycles.total == pytest.approx(first.cycles.total, rel=1e-3)


def test_compiled_file_is_kept(vela_models: Any, u55: Configuration, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "compiled.tflite"
    result = compile_vela(vela_models.npu, u55, keep=kept)
    assert result.compiled == kept
    assert [o.type for o in read_tflite(kept).operators] == ["ethos-u"]
    with pytest.raises(UsageError, match=r"is compiled already.*ethos-u"):
        compile_vela(kept, u55)


def test_odd_paths(
    vela_models: Any, u55: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "Bäume & Größen" / "--mein modell, v1.0 ü.tflite"
    path.parent.mkdir()
    shutil.copyfile(vela_models.npu, path)
    expected = compile_vela(vela_models.npu, u55)
    monkeypatch.setattr(vela_compiler, "_cache", {})
    monkeypatch.setenv("LC_ALL", "C")
    found = compile_vela(path, u55)
    assert found.cycles.npu == expected.cycles.npu
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


def test_unusable_files(vela_models: Any, u55: Configuration, tmp_path: Path) -> None:
    whole = vela_models.npu.read_bytes()
    for name, data, match in (
        ("empty", b"", "not a TFLite model"),
        ("text", b"once upon a time there was a model", "not a TFLite model"),
        ("cut", whole[: len(whole) // 3], "damaged or cut short"),
    ):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        with pytest.raises(UsageError, match=match):
            compile_vela(path, u55)
    with pytest.raises(UsageError, match="No such file"):
        compile_vela(tmp_path / "none.tflite", u55)


def test_arguments_are_a_list(vela_models: Any, u55: Configuration, fake_vela: Any) -> None:
    with pytest.raises(EdgenasError, match=r"report model_summary_.* cannot be read"):
        compile_vela(vela_models.npu, u55, command=fake_vela.does("nothing"))
    model, *rest = fake_vela.arguments()
    folder = Path(model).parent
    assert model == str(folder / "model.tflite") and not folder.exists()
    assert rest == [
        "--config", "Arm/vela.ini", "--accelerator-config", "ethos-u55-128", "--system-config",
        "Ethos_U55_High_End_Embedded", "--memory-mode", "Shared_Sram", "--verbose-performance", "--enable-debug-db",
        "--output-dir", str(folder / "out"),
    ]  # fmt: skip


def test_failing_compilers(vela_models: Any, u55: Configuration, fake_vela: Any) -> None:
    for how, match in (
        ("crash", r"\(signal 11\): compiling"),
        ("error", r"\(exit code 1\): compiling \| RuntimeError: Compilation failed: out of cheese"),
        ("no_number", "no number under"),
    ):
        with pytest.raises(EdgenasError, match=match):
            compile_vela(vela_models.npu, u55, command=fake_vela.does(how))
    with pytest.raises(EdgenasError, match=r"did not finish .* within 0\.5 seconds"):
        compile_vela(vela_models.npu, u55, command=fake_vela.does("hang"), timeout_seconds=0.5)
    with pytest.raises(EdgenasError, match="cannot be started"):
        compile_vela(vela_models.npu, u55, command=("/nowhere/python",))


def test_missing_package(vela_models: Any, u55: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vela_compiler, "package_version", lambda package: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edgenas\[vela\]'"):
        compile_vela(vela_models.npu, u55)


def test_configurations_that_make_no_sense(u55: Configuration) -> None:
    ini = vela_ini()
    assert ini is not None and ini.name == "vela.ini"
    for changes, match in (
        ({"system": ""}, "needs `system`"),
        ({"system": "Ethos_U55_High_End"}, "Did you mean 'Ethos_U55_High_End_Embedded'"),
        ({"memory": "Shared"}, "Unknown memory mode"),
        ({"system": "Ethos_U85_SYS_DRAM_Mid"}, "is not a system of .* Expected one of Ethos_U55_Deep"),
    ):
        with pytest.raises(UsageError, match=match):
            require_configuration(replace(u55, **changes))


def test_reasons_of_a_log() -> None:
    log = (
        "\nWarning (supported operators) operator: RESIZE_BILINEAR, ofm: 'it's, here'\n"
        "Reason: Scale-factor needs to be 2x\nIF this:\n  - THEN that\n\nWarning (supported operators) operator: "
        "PACK, ofm: 'a'\r\nReason: Unsupported dataType Int32\r\n32-bit feature-maps are not supported.\r\n"
    )
    assert read_reasons(log) == {
        ("RESIZE_BILINEAR", "it's, here"): "Scale-factor needs to be 2x",
        ("PACK", "a"): "Unsupported dataType Int32. 32-bit feature-maps are not supported",
    }
    assert read_reasons("nothing to say") == {}


_HEADER = "Original Operator,Target,Op Cycles,NPU,SRAM AC,DRAM AC,OnFlash AC,OffFlash AC,Name\n"


def test_layers_with_odd_names(tmp_path: Path) -> None:
    layers, database = tmp_path / "model_per-layer.csv", tmp_path / "model_debug.xml"
    layers.write_text(_HEADER + "Conv2D,NPU,9,9,5,0,1,2,a,b;c\nAdd,CPU,0,0,0,0,0,0,\n", encoding="utf-8")
    first, second = read_steps(layers, database)
    assert (first.name, first.on_cpu, first.source, first.cycles.flash) == ("a,b;c", False, None, 3)
    assert (second.name, second.on_cpu) == ("", True)
    database.write_text(
        '<table name="source">\n<![CDATA[\n"id","ext_key"\n7,4\n]]>\n</table>\n<table name="perf">\n<![CDATA[\n'
        '"id","source_id"\n1,7\n2,0\n]]>\n</table>\n',
        encoding="utf-8",
    )
    assert [step.source for step in read_steps(layers, database)] == [4, None]
    # A database that does not fit the table is not believed.
    layers.write_text(_HEADER + "Conv2D,NPU,9,9,5,0,1,2,a\n", encoding="utf-8")
    assert [step.source for step in read_steps(layers, database)] == [None]


@pytest.mark.parametrize("row", ["Conv2D,NPU,nan,9,5,0,1,2,a", "Conv2D,NPU,-1,9,5,0,1,2,a", "Conv2D,NPU,9,9"])
def test_layers_that_are_no_numbers(tmp_path: Path, row: str) -> None:
    layers = tmp_path / "model_per-layer.csv"
    layers.write_text(_HEADER + row + "\n", encoding="utf-8")
    with pytest.raises(EdgenasError, match="cannot be read"):
        read_steps(layers, tmp_path / "none.xml")


def test_mutilated_reports(vela_models: Any, u55: Configuration, tmp_path: Path) -> None:
    """Whatever is lost or changed on the way is an error or a report without places, never another exception."""
    log = vela_compiler._run(vela_models.resize4, u55, tmp_path, 60.0, vela_compiler.VELA_COMMAND)
    names = ("model_summary_Ethos_U55_High_End_Embedded.csv", "model_per-layer.csv", "model_debug.xml")
    whole = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    graph = read_tflite(vela_models.resize4)
    rng = np.random.default_rng(0)
    outcomes: Counter[str] = Counter()
    for turn in range(400):
        name = names[turn % 3]
        data = bytearray(whole[name])
        if turn % 2:
            data = data[: int(rng.integers(len(data)))]
        else:
            for place in rng.integers(len(data), size=int(rng.integers(1, 12))):
                data[place] = int(rng.integers(256))
        for each in names:
            (tmp_path / "out" / each).write_bytes(data if each == name else whole[each])
        try:
            result = vela_compiler._read(graph, u55, tmp_path, log, "5.2.0")
        except EdgenasError:
            outcomes["error"] += 1
            continue
        outcomes["result"] += 1
        assert (
            result.cycles.total == sum(o.cycles.total for o in result.operators) + result.unattributed_cycles
        )
        assert len(result.cpu_operators) == 1  # Nothing hides the one that is not counted.
    assert outcomes["error"] > 100 and outcomes["result"] > 20


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["mobilenet_v1_0.25_128_quant", "movenet_single_pose_lightning_ptq"])
def test_places_in_the_file_are_right(shared_data: Path, u55: Configuration, name: str) -> None:
    """An operator's steps write the tensor that the file's operator of that number writes."""
    from ai_edge_litert import schema_py_generated as schema

    path = shared_data / "coral_models" / f"{name}.tflite"
    graph = schema.Model.GetRootAs(path.read_bytes(), 0).Subgraphs(0)
    result = compile_vela(path, u55)
    for operator in result.operators:
        if operator.type in ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "GATHER_ND", "CAST"):
            # A sigmoid behind a convolution becomes part of it, and gives it its name.
            own, following = (
                graph.Tensors(graph.Operators(i).Outputs(0)).Name().decode()
                for i in (operator.index, min(operator.index + 1, len(result.operators) - 1))
            )
            assert operator.name.removesuffix("_act") in (own, following), operator.index
            assert (operator.target == CPU) == (operator.type in ("GATHER_ND", "CAST"))
    cpu = {o.type for o in result.cpu_operators}
    assert cpu >= {"GATHER_ND", "FLOOR_DIV", "PACK", "CAST"} if name.startswith("movenet") else cpu == set()
