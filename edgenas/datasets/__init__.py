"""Data sets: procedural scenes, array archives, and the pipeline that feeds them to a network."""

from __future__ import annotations

from edgenas.datasets.augmentation import Augmentation
from edgenas.datasets.classes import CITYSCAPES_19, NYUV2_13, NYUV2_40, VOID, palette
from edgenas.datasets.dataset import IN_MEMORY_BYTES, Dataset
from edgenas.datasets.in_memory import ArrayDataset, in_memory
from edgenas.datasets.load import load_dataset
from edgenas.datasets.pipeline import batches_of, make_pipeline
from edgenas.datasets.records import TASKS, DatasetInfo, Frame

__all__ = [
    "CITYSCAPES_19",
    "IN_MEMORY_BYTES",
    "NYUV2_13",
    "NYUV2_40",
    "TASKS",
    "VOID",
    "ArrayDataset",
    "Augmentation",
    "Dataset",
    "DatasetInfo",
    "Frame",
    "batches_of",
    "in_memory",
    "load_dataset",
    "make_pipeline",
    "palette",
]
