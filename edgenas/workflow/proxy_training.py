"""`ProxyTraining`: the evaluator of a search, which trains a candidate under the proxy schedule."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgenas.datasets import Dataset, in_memory
from edgenas.datasets.scenes.cache import default_cache_dir
from edgenas.runtime import start_tensorflow
from edgenas.search import Evaluation, Part
from edgenas.space import Architecture
from edgenas.tasks.plugins import carried_modules, load_carried
from edgenas.training.config import TrainingConfig

__all__ = ["ProxyTraining"]


@dataclass
class ProxyTraining:
    """Trains architectures on one data set; can be sent to other processes. TensorFlow starts with the first network.

    Attributes:
        train: frames to learn from.
        validation: frames to score on.
        proxy: a `TrainingConfig` as a dictionary.
        task_modules: source of the files behind tasks that a user added, for a machine that does not have them.
    """

    train: Dataset
    validation: Dataset
    proxy: Mapping[str, Any]
    task_modules: Mapping[str, str] = field(default_factory=dict)
    _trainer: Any = field(default=None, init=False, repr=False)

    def __call__(self, architecture: Architecture, seed: int, part: Part | None = None) -> Evaluation:
        """Trains a fresh network with `seed`, or the next part of one, and scores it; see `PartEvaluator`."""
        if self.task_modules:
            load_carried(self.task_modules, default_cache_dir() / "task_modules")
        start_tensorflow()
        import keras

        from edgenas.training.trainer import Trainer

        if self._trainer is None:
            self._trainer = Trainer(self.train, self.validation)
        config = TrainingConfig.from_dict({**self.proxy, "seed": seed})
        part = part or Part(None)
        outcome = self._trainer.train(architecture, config, until_step=part.until_step, state=part.state)
        evaluation = Evaluation(
            outcome.metrics, outcome.seconds, outcome.status, outcome.reason, outcome.state
        )
        del outcome
        keras.backend.clear_session()
        gc.collect()
        return evaluation

    def portable(self) -> ProxyTraining:
        """The same with its frames in memory, for a machine that does not have the files."""
        return replace(
            self,
            train=in_memory(self.train),
            validation=in_memory(self.validation),
            task_modules=carried_modules(self.train.info.tasks),
        )

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the trainer, whose pipelines and constants belong to one process."""
        return {**self.__dict__, "_trainer": None}
