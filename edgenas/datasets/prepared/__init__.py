"""Data sets in the form that is quickest to read: converted once, by `edgenas data prepare`, then streamed.

A folder holds `prepared.json` and shards: .npy files of records, one record a frame, each with a CRC-32 that is checked
whenever the frame is read. `numpy.load(FILE, mmap_mode="r")["image"]` reads a shard without edgenas.

Records of one size, read by their offset, were chosen by numbers. Random access is a must: a batch is a function of
(seed, step). `python benchmarks/prepared_formats.py --data NYUV2_TRAIN_96x128.npz --frames 640`, frames a second on one
thread of two cores that others used too (so within a factor of two or three; the sizes are exact):

| form | KiB a frame | write | read, cold | read, warm | memory, MiB | notices a flipped bit |
|---|---|---|---|---|---|---|
| records in .npy, pread (this one) | 108 | 2568 | 1453 | 3434 | 1 | yes |
| the same by memory map | 108 | 2647 | 4305 | 4715 | 4 | no |
| zlib level 1 | 71 | 218 | 529 | 684 | 3 | yes |
| PNG and zlib level 1 | 63 | 90 | 257 | 332 | 2 | yes |
| TFRecord with an index of offsets | 108 | 944 | 4245 | 9964 | 2 | no |
| array-record, plain | 108 | 2624 | 1918 | 13583 | 24 | yes |
| array-record, zstd 3 | 76 | 222 | 629 | 2530 | 37 | yes |

A network of the demo space takes some 170 frames a second of that size. Every form without compression is far above
that; compressed ones save a third of the disk and cost most of the lead. Among the first, this one needs no further
package, keeps no index in memory and checks what it reads.
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
