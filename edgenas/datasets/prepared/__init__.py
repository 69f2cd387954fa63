"""Data sets in the form that is quickest to read: converted once, by `edgenas data prepare`, then streamed.

A folder holds `prepared.json` and shards: .npy files of records, one record a frame, each with a CRC-32 that is checked
whenever the frame is read. `numpy.load(FILE, mmap_mode="r")["image"]` reads a shard without edgenas.

Records of one size, read by their offset, were chosen by numbers (`benchmarks/prepared_formats.json`, 640 frames of
NYUv2 at 96x128; two cores of a busy machine). Random access is a must: a batch is a function of (seed, step). Any form
without compression gives frames many times faster than a network on these two cores takes them; compressed ones save
a third of the disk and cost most of that lead. Among the first, this one needs no further package, keeps no index in
memory and notices a flipped bit.
"""

from __future__ import annotations

from edgenas.datasets.prepared.convert import Prepared, prepare_dataset
from edgenas.datasets.prepared.index import INDEX_NAME, PreparedIndex, is_prepared
from edgenas.datasets.prepared.prepared_dataset import PreparedDataset
from edgenas.datasets.prepared.verify import verify_prepared

__all__ = [
    "INDEX_NAME",
    "Prepared",
    "PreparedDataset",
    "PreparedIndex",
    "is_prepared",
    "prepare_dataset",
    "verify_prepared",
]
