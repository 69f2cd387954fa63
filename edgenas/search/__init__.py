"""Architecture search: regularized evolution over an Optuna study that survives being killed.

Importing this package imports Optuna (extra `search`), so the command line imports it inside its commands
only.
"""

from edgenas.search.config import REQUIREMENTS, SearchConfig, read_config
from edgenas.search.evaluation import Estimator, Evaluation, Evaluator, Requirement
from edgenas.search.events import BaselineDone, BaselineStarted, Event, TrialDone, TrialStarted
from edgenas.search.evolution import RegularizedEvolutionSampler, next_decisions
from edgenas.search.pareto import pareto_front
from edgenas.search.record import TrialRecord
from edgenas.search.result import SearchResult, store_measurement
from edgenas.search.run import SearchInterrupted, run_search
from edgenas.search.study import read_trials

__all__ = [
    "REQUIREMENTS",
    "BaselineDone",
    "BaselineStarted",
    "Estimator",
    "Evaluation",
    "Evaluator",
    "Event",
    "RegularizedEvolutionSampler",
    "Requirement",
    "SearchConfig",
    "SearchInterrupted",
    "SearchResult",
    "TrialDone",
    "TrialRecord",
    "TrialStarted",
    "next_decisions",
    "pareto_front",
    "read_config",
    "read_trials",
    "run_search",
    "store_measurement",
]
