"""What ships with a file: metadata that others read, an example that runs on a bare board, snippets, checksums."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.datasets import Dataset
from edgenas.export.litert_model import LitertModel
from edgenas.export.package.describe import ShippedModel, ShippedOutput, describe_file
from edgenas.export.package.flat_tables import build_table, read_table
from edgenas.export.package.metadata import read_metadata, read_own, with_metadata
from edgenas.export.package.snippets import cpp_snippet, kotlin_snippet, python_example
from edgenas.export.package.write import with_description, write_package
from edgenas.graph import read_tflite
from edgenas.tasks import get_task


@pytest.fixture(scope="module")
def package(int8_file: Path, frames: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a package."""
    folder = tmp_path_factory.mktemp("package")
    shipped = folder / "net_int8.tflite"
    shipped.write_bytes(with_description(int8_file, "net", frames.info))
    card = folder / "net.json"
    card.write_text("{}")
    write_package(shipped, "net", frames.info, [card])
    return folder


def test_the_file_computes_what_it_did(package: Path, int8_file: Path, frames: Dataset) -> None:
    images = frames.arrays([0, 1])["image"]
    before, after = LitertModel(int8_file), LitertModel(package / "net_int8.tflite")
    for head, values in before(images).items():
        np.testing.assert_array_equal(after(images)[head], values)
    assert [o.type for o in read_tflite(package / "net_int8.tflite").operators] == [
        o.type for o in read_tflite(int8_file).operators
    ]
    assert (package / "net_int8.tflite").stat().st_size < int8_file.stat().st_size + 4096


def test_metadata_says_what_goes_in_and_comes_out(package: Path) -> None:
    shipped = package / "net_int8.tflite"
    metadata = read_metadata(shipped)
    assert metadata is not None and metadata["name"] == "net"
    [subgraph] = metadata["subgraph_metadata"]
    [image] = subgraph["input_tensor_metadata"]
    assert image["process_units"] == [
        {"options": ("NormalizationOptions", {"mean": [127.5], "std": [127.5]})}
    ]
    assert image["content"]["content_properties"] == (
        "ImageProperties",
        {"color_space": 1, "default_size": {"width": 64, "height": 32}},
    )
    outputs = {one["name"]: one for one in subgraph["output_tensor_metadata"]}
    assert tuple(outputs) == tuple(read_tflite(shipped).output_names)
    assert "metres" in outputs["depth"]["description"]
    assert outputs["segmentation"]["associated_files"][0]["name"] == "labels.txt"
    with zipfile.ZipFile(shipped) as archive:
        assert archive.read("labels.txt") == (package / "labels.txt").read_bytes()
    own = read_own(shipped)
    assert own is not None and own["depth_unit"] == "m" and own["class_names"][0] == "bed"


def test_metadata_is_replaced_not_added_twice(package: Path, tmp_path: Path, frames: Dataset) -> None:
    again = tmp_path / "net_int8.tflite"
    again.write_bytes(with_description(package / "net_int8.tflite", "net", frames.info))
    assert again.read_bytes() == (package / "net_int8.tflite").read_bytes()


@pytest.mark.parametrize("cut", [0, 8, 600])
def test_damaged_or_missing_metadata_is_no_error(
    int8_file: Path, package: Path, tmp_path: Path, cut: int
) -> None:
    assert read_own(int8_file) is None
    damaged = tmp_path / "cut.tflite"
    damaged.write_bytes((package / "net_int8.tflite").read_bytes()[:cut])
    assert read_metadata(damaged) is None


_TABLES = {
    "Leaf": [("text", "string"), ("many", "[float]")],
    "Other": [("flag", "byte")],
    "Root": [
        ("name", "string"),
        ("pick", "Leaf|Other"),
        ("count", "int"),
        ("leaves", "[Leaf]"),
        ("raw", "[ubyte]"),
    ],
}
_LEAF = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=9),
        "many": st.lists(st.floats(width=32, allow_nan=False), max_size=4),
    },
)
_ROOT = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=9),
        "pick": st.one_of(
            st.tuples(st.just("Leaf"), _LEAF),
            st.tuples(st.just("Other"), st.just({"flag": -3})),
        ),
        "count": st.integers(-(2**31), 2**31 - 1).filter(bool),
        "leaves": st.lists(_LEAF, max_size=3),
        "raw": st.binary(max_size=9),
    },
)


@settings(max_examples=25, deadline=None)
@given(_ROOT)
def test_tables_come_back(values: dict[str, Any]) -> None:
    assert read_table(_TABLES, "Root", build_table(_TABLES, "Root", values, b"TEST")) == values


def test_a_field_that_does_not_exist() -> None:
    with pytest.raises(KeyError, match="Leaf has no field"):
        build_table(_TABLES, "Leaf", {"texts": ""}, b"TEST")


def _example(package: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("net_example", package / "net_example.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_sees_what_edgenas_sees(package: Path, frames: Dataset) -> None:
    from PIL import Image

    example = _example(package)
    pixels = frames.arrays([0])["image"]
    seen = example.run(example.load_interpreter(1), Image.fromarray(pixels[0]))
    raw = LitertModel(package / "net_int8.tflite")(pixels)
    for head in ("segmentation", "depth", "normals"):
        expected = get_task(head).decode(raw[head][0])
        np.testing.assert_allclose(np.squeeze(seen[head]), np.squeeze(expected), atol=1e-5, err_msg=head)


@pytest.mark.parametrize("kind", ["segmentation", "normals"])
def test_the_example_draws_as_edgenas_draws(package: Path, frames: Dataset, kind: str) -> None:
    example, task = _example(package), get_task(kind)
    truth = task.decode(LitertModel(package / "net_int8.tflite")(frames.arrays([0])["image"])[kind][0])
    drawn = example.draw({"segmentation": "scores"}.get(kind, kind), truth)
    np.testing.assert_allclose(np.asarray(drawn, int), task.picture(truth, frames.info).astype(int), atol=1)


def test_low_values_and_labels_in_the_example(package: Path) -> None:
    example = _example(package)
    low = np.arange(8 * 16 * 1, dtype=np.float32).reshape(8, 16, 1)
    assert example.enlarged(low).shape == (32, 64, 1)
    assert example.draw("labels", np.zeros((4, 4), np.uint8)).size == (4, 4)
    assert "bed 100%" in example.tell("labels", np.zeros((4, 4), np.uint8))


def test_the_example_on_a_bare_board(
    package: Path, frames: Dataset, tmp_path: Path, board_python: str
) -> None:
    """Show 3: nothing but tflite-runtime, NumPy 1 and Pillow."""
    from PIL import Image

    board = tmp_path / "board"
    board.mkdir()
    for name in ("net_int8.tflite", "net_example.py"):
        shutil.copy(package / name, board)
    Image.fromarray(frames.arrays([0])["image"][0]).resize((90, 70)).save(board / "photo.jpg")
    done = subprocess.run(
        [board_python, "-I", "net_example.py", "photo.jpg", "--out", "seen"], cwd=board, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"photo: [\d.]+ ms", done.stdout) and "median" in done.stdout
    for head in ("depth", "normals", "segmentation"):
        with Image.open(board / "seen" / f"photo_{head}.png") as picture:
            assert picture.size == (64, 32)


def test_checksums_are_those_of_the_files(package: Path) -> None:
    lines = dict(reversed(line.split("  ")) for line in (package / "SHA256SUMS").read_text().splitlines())
    assert set(lines) == {path.name for path in package.iterdir()} - {"SHA256SUMS"}
    for name, digest in lines.items():
        assert hashlib.sha256((package / name).read_bytes()).hexdigest() == digest, name


def _with_ends(model: ShippedModel, input_type: str, output_type: str) -> ShippedModel:
    scale = 0.0 if output_type == "float32" else 0.02
    outputs = tuple(replace(o, dtype=output_type, scale=scale) for o in model.outputs)
    return replace(model, name="2 nets-à", input=replace(model.input, dtype=input_type), outputs=outputs)


@pytest.mark.parametrize("ends", [None, ("uint8", "uint8"), ("float32", "float32"), ("int16", "int16")])
def test_cpp_compiles(package: Path, frames: Dataset, tmp_path: Path, ends: tuple[str, str] | None) -> None:
    """Against the calls of LiteRT's C++ API as its repository declares them; its headers are in no package."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    model = describe_file(package / "net_int8.tflite", "net", frames.info)
    model = _with_ends(model, *ends) if ends else model
    source = tmp_path / "snippet.cc"
    source.write_text(cpp_snippet(model))
    stand_in = Path(__file__).with_name("litert_stand_in")
    done = subprocess.run(
        [compiler, "-std=c++17", "-fsyntax-only", "-Wall", "-Werror", f"-I{stand_in}", str(source)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ends", [None, ("uint8", "uint8"), ("float32", "float32")])
def test_kotlin_has_every_output(package: Path, frames: Dataset, ends: tuple[str, str] | None) -> None:
    model = describe_file(package / "net_int8.tflite", "net", frames.info)
    text = kotlin_snippet(_with_ends(model, *ends) if ends else model)
    assert text is not None and "@" not in text.replace("@Throws", "")
    assert text.count("{") == text.count("}") and text.count("(") == text.count(")")
    for number, output in enumerate(model.by_signature):
        read = "readFloat" if ends == ("float32", "float32") else "readInt8"
        assert f"outputs[{number}].{read}()" in text and f"fun {output.name}Value(" in text


def test_no_kotlin_for_types_that_it_cannot_read(package: Path, frames: Dataset) -> None:
    model = describe_file(package / "net_int8.tflite", "net", frames.info)
    assert kotlin_snippet(_with_ends(model, "int16", "int16")) is None


def test_labels_are_told_from_scores(package: Path, frames: Dataset, tmp_path: Path) -> None:
    model = describe_file(package / "net_int8.tflite", "net", frames.info)
    assert {o.name: o.kind for o in model.outputs} == {
        "depth": "depth", "normals": "normals", "segmentation": "scores"
    }  # fmt: skip
    labels = ShippedOutput("segmentation", "labels", "", "uint8", (1, 32, 64), 0.0, 0)
    text = python_example(replace(model, outputs=(labels,)))
    assert "'kind': 'labels'" in text
    compile(text, "example.py", "exec")


def test_a_file_without_metadata_of_its_own_takes_some(int8_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.tflite"
    fields = {"name": "x", "subgraph_metadata": [{"name": "y"}]}
    path.write_bytes(with_metadata(int8_file.read_bytes(), fields, {}, {"a": 1}))
    assert read_own(path) == {"a": 1}
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(path)


def test_compiled_models_number_outputs_by_the_signature(package: Path, frames: Dataset) -> None:
    model = describe_file(package / "net_int8.tflite", "net", frames.info)
    turned = replace(model, signature=tuple(reversed(model.signature)))
    first = turned.signature[0]
    assert f"(outputs[0].Read<int8_t>(absl::MakeSpan({first})))" in cpp_snippet(turned)
    fields = [line.split("val ")[1].split(":")[0] for line in str(kotlin_snippet(turned)).splitlines()
              if line.strip().startswith("val ") and "Array" in line and "," in line]  # fmt: skip
    assert fields == list(turned.signature)
    # The example uses the file's own order, as interpreters do.
    assert python_example(turned) == python_example(model)
