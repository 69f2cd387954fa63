"""On-disk forms for prepared data sets: how quickly each is written and read at random, its size and memory.

    python benchmarks/prepared_formats.py [--data SOURCE] [--frames N] [--height H --width W] [--json]

Every candidate runs in a process of its own, writes the same frames and reads all of them once in random order, in
batches of 16, on one thread: from the page cache (warm), and after the kernel was told to drop the file (cold). Every
reader ends at the same thing: one contiguous array per target and batch. `checked` says whether it notices a flipped
bit; memory is what the process grew by at most while it read (pages of a memory map count). `array_record` needs
`pip install array_record`, TFRecord needs TensorFlow.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 16
Frame = dict[str, np.ndarray]
Batch = dict[str, np.ndarray]
Writer = Callable[[Path, Iterator[Frame]], Any]
Reader = Callable[[Path, Any, dict[str, tuple[tuple[int, ...], str]], np.ndarray], Batch]


def raw(frame: Frame) -> bytes:
    """A frame's arrays one after the other."""
    return b"".join(array.tobytes() for array in frame.values())


def split(records: list[bytes], layout: dict[str, tuple[tuple[int, ...], str]]) -> Batch:
    """The way back, for a batch."""
    batch = {key: np.empty((len(records), *shape), dtype) for key, (shape, dtype) in layout.items()}
    for place, record in enumerate(records):
        start = 0
        for array in batch.values():
            part = array[place]
            part[...] = np.frombuffer(record, array.dtype, part.size, start).reshape(part.shape)
            start += part.nbytes
    return batch


def write_fixed(path: Path, frames: Iterator[Frame]) -> None:
    """Records of one size with their CRC-32."""
    with path.open("wb") as file:
        for frame in frames:
            record = raw(frame)
            file.write(record + zlib.crc32(record).to_bytes(4, "little"))


def read_pread(
    path: Path, _: Any, layout: dict[str, tuple[tuple[int, ...], str]], index: np.ndarray
) -> Batch:
    """One scattering read per frame, straight into the batch; the CRC is checked."""
    batch = {key: np.empty((len(index), *shape), dtype) for key, (shape, dtype) in layout.items()}
    size = sum(array[0].nbytes for array in batch.values()) + 4
    handle = os.open(path, os.O_RDONLY)
    for place, frame in enumerate(index):
        crc = np.empty(1, "<u4")
        parts = [array[place].reshape(-1).view(np.uint8) for array in batch.values()]
        got = os.preadv(handle, [*parts, crc.view(np.uint8)], int(frame) * size)
        value = 0
        for part in parts:
            value = zlib.crc32(part, value)
        assert got == size and value == crc[0]
    os.close(handle)
    return batch


def read_mmap(path: Path, _: Any, layout: dict[str, tuple[tuple[int, ...], str]], index: np.ndarray) -> Batch:
    """The same file through a memory map, unchecked."""
    dtype = np.dtype([*((key, dtype, shape) for key, (shape, dtype) in layout.items()), ("crc", "<u4")])
    records = np.memmap(path, dtype, "r")
    return {key: records[key][index] for key in layout}


def write_packed(pack: Callable[[Frame], bytes]) -> Writer:
    """Records of different sizes; gives their offsets."""

    def write(path: Path, frames: Iterator[Frame]) -> list[int]:
        offsets = [0]
        with path.open("wb") as file:
            for frame in frames:
                record = pack(frame)
                file.write(record)
                offsets.append(offsets[-1] + len(record))
        return offsets

    return write


def read_packed(unpack: Callable[[bytes, dict[str, tuple[tuple[int, ...], str]]], bytes]) -> Reader:
    """Reads by offset."""

    def read(path: Path, offsets: Any, layout: Any, index: np.ndarray) -> Batch:
        handle = os.open(path, os.O_RDONLY)
        records = [
            unpack(os.pread(handle, offsets[i + 1] - offsets[i], offsets[i]), layout) for i in index.tolist()
        ]
        os.close(handle)
        return split(records, layout)

    return read


def pack_png(frame: Frame) -> bytes:
    """Image and labels as PNG, all else as zlib level 1, each with its length before it."""
    from PIL import Image

    parts = []
    for key, array in frame.items():
        if key in ("image", "segmentation"):
            stream = io.BytesIO()
            Image.fromarray(array).save(stream, "png", compress_level=1)
            parts.append(stream.getvalue())
        else:
            parts.append(zlib.compress(array.tobytes(), 1))
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def unpack_png(record: bytes, layout: dict[str, tuple[tuple[int, ...], str]]) -> bytes:
    """The way back."""
    from PIL import Image

    parts, start = [], 0
    for key in layout:
        length = int.from_bytes(record[start : start + 4], "little")
        part = record[start + 4 : start + 4 + length]
        start += 4 + length
        if key in ("image", "segmentation"):
            parts.append(np.asarray(Image.open(io.BytesIO(part))).tobytes())
        else:
            parts.append(zlib.decompress(part))
    return b"".join(parts)


def write_tfrecord(path: Path, frames: Iterator[Frame]) -> list[int]:
    """TFRecord with an index of offsets beside it, which random access needs."""
    import tensorflow as tf

    offsets = [0]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for frame in frames:
            record = raw(frame)
            writer.write(record)
            offsets.append(offsets[-1] + 16 + len(record))
    return offsets


def array_record_writer(options: str) -> Writer:
    """ArrayRecord with one record a group, as random access wants."""

    def write(path: Path, frames: Iterator[Frame]) -> None:
        from array_record.python.array_record_module import ArrayRecordWriter

        writer = ArrayRecordWriter(str(path), options)
        for frame in frames:
            writer.write(raw(frame))
        writer.close()

    return write


def read_array_record(path: Path, cache: Any, layout: Any, index: np.ndarray) -> Batch:
    """Its own random access; it keeps its index in memory."""
    from array_record.python.array_record_module import ArrayRecordReader

    if path not in _READERS:
        _READERS[path] = ArrayRecordReader(str(path), options="readahead_buffer_size:0,max_parallelism:0")
    return split(_READERS[path].read(index.tolist()), layout)


_READERS: dict[Path, Any] = {}
CANDIDATES: dict[str, tuple[Writer, Reader, bool]] = {
    "npy records, pread": (write_fixed, read_pread, True),
    "npy records, memory map": (write_fixed, read_mmap, False),
    "zlib level 1": (
        write_packed(lambda f: zlib.compress(raw(f), 1)),
        read_packed(lambda r, _: zlib.decompress(r)),
        True,
    ),
    "PNG and zlib level 1": (write_packed(pack_png), read_packed(unpack_png), True),
    "TFRecord with an index": (write_tfrecord, read_packed(lambda r, _: r[12:-4]), False),
    "array-record, plain": (array_record_writer("group_size:1,uncompressed"), read_array_record, True),
    "array-record, zstd 3": (array_record_writer("group_size:1,zstd:3"), read_array_record, True),
}


def peak_kib() -> int:
    """The largest resident size of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(name: str, source: Path) -> dict[str, Any]:
    """Writes and reads one candidate; seconds are wall time, memory is what the process grew by."""
    write, read, checked = CANDIDATES[name]
    arrays = {
        key: np.load(source / f"{key}.npy", mmap_mode="r")
        for key in json.loads((source / "keys").read_text())
    }
    layout = {key: (array.shape[1:], array.dtype.str) for key, array in arrays.items()}
    count = len(arrays["image"])
    frames = ({key: np.array(array[i]) for key, array in arrays.items()} for i in range(count))
    expected = {key: arrays[key][:BATCH].copy() for key in arrays}
    if name.startswith("TFRecord"):
        import tensorflow  # noqa: F401
    path = source / "candidate"
    began = time.perf_counter()
    extra = write(path, frames)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    write_s = time.perf_counter() - began
    del arrays, frames
    got = read(path, extra, layout, np.arange(BATCH))
    assert all(np.array_equal(got[key], expected[key]) for key in layout)
    order = np.random.default_rng(0).permutation(count)
    Path("/proc/self/clear_refs").write_text("5")  # The peak starts again from what is resident now.
    before = peak_kib()
    seconds = {}
    for state in ("cold", "warm"):
        if state == "cold":
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        began = time.perf_counter()
        for start in range(0, count, BATCH):
            read(path, extra, layout, order[start : start + BATCH])
        seconds[state] = time.perf_counter() - began
    return {
        "format": name,
        "frames": count,
        "bytes_per_frame": path.stat().st_size // count,
        "write_frames_per_s": round(count / write_s),
        "cold_read_frames_per_s": round(count / seconds["cold"]),
        "warm_read_frames_per_s": round(count / seconds["warm"]),
        "read_growth_mib": round((peak_kib() - before) / 1024, 1),
        "checked": checked,
    }


def main() -> None:
    """Stores the frames once, then measures each candidate in a child process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="rooms")
    parser.add_argument("--frames", type=int, default=640)
    parser.add_argument("--height", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument(
        "--folder", type=Path, help="where the files are written; a temporary folder without it"
    )
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.folder)))
        return
    from edgenas.datasets import load_dataset

    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        dataset = load_dataset(
            options.data, "train", frames=options.frames, height=options.height, width=options.width
        )
        arrays = dataset.stored_arrays()
        for key, array in arrays.items():
            np.save(folder / f"{key}.npy", array)
        (folder / "keys").write_text(json.dumps(list(arrays)))
        shape = arrays["image"].shape
        print(f"{options.data}: {shape[0]} frames of {shape[1]}x{shape[2]}", file=sys.stderr)
        del arrays
        rows = []
        for candidate in CANDIDATES:
            command = [sys.executable, __file__, "--one", candidate, "--folder", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{candidate:24s} failed: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            rows.append(row)
            print(
                f"{candidate:24s} {row['bytes_per_frame'] / 1024:6.0f} KiB/frame  "
                f"write {row['write_frames_per_s']:6d}/s  cold {row['cold_read_frames_per_s']:6d}/s  "
                f"warm {row['warm_read_frames_per_s']:6d}/s  memory +{row['read_growth_mib']:.0f} MiB  "
                f"checked: {'yes' if row['checked'] else 'no'}",
                file=sys.stderr,
            )
    if options.json:
        print(json.dumps({"data": options.data, "shape": list(shape), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
