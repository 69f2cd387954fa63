"""Search spaces as data and the architectures they hold; knows nothing of Keras or devices."""

from edgenas.space.architecture import Architecture, Block, Head, Stage
from edgenas.space.presets import list_presets, load_space
from edgenas.space.space import Decision, SearchSpace

__all__ = ["Architecture", "Block", "Decision", "Head", "SearchSpace", "Stage", "list_presets", "load_space"]
