"""Architecture search: regularized evolution or another algorithm, over an Optuna study that survives being killed.

Importing this package imports Optuna (extra `search`), so the command line imports it inside its commands
only.
"""

from edgenas.search.config import ALGORITHMS, REQUIREMENTS, SearchConfig, read_config
from edgenas.search.devices import SearchDevice
from edgenas.search.evaluation import Estimator, Evaluation, Evaluator, Part
from edgenas.search.events import (
    BaselineDone,
    BaselineStarted,
    Event,
    Remark,
    SearchPaused,
    SearchStarted,
    StageProgress,
    TrialDone,
    TrialStarted,
    WorkerLost,
)
from edgenas.search.evolution import RegularizedEvolutionSampler, next_decisions
from edgenas.search.pareto import pareto_front
from edgenas.search.pruning import Halving
from edgenas.search.reachable import Unreachable, check_reachable
from edgenas.search.record import TrialRecord
from edgenas.search.remeasured import Remeasured, read_remeasured
from edgenas.search.requirement import Bound, Requirement, activation_limit, parameter_limit
from edgenas.search.result import SearchResult, store_measurement
from edgenas.search.run import SearchInterrupted, run_search
from edgenas.search.study import read_trials

__all__ = [
    "ALGORITHMS",
    "REQUIREMENTS",
    "BaselineDone",
    "BaselineStarted",
    "Bound",
    "Estimator",
    "Evaluation",
    "Evaluator",
    "Event",
    "Halving",
    "Part",
    "RegularizedEvolutionSampler",
    "Remark",
    "Remeasured",
    "Requirement",
    "SearchConfig",
    "SearchDevice",
    "SearchInterrupted",
    "SearchPaused",
    "SearchResult",
    "SearchStarted",
    "StageProgress",
    "TrialDone",
    "TrialRecord",
    "TrialStarted",
    "Unreachable",
    "WorkerLost",
    "activation_limit",
    "check_reachable",
    "next_decisions",
    "parameter_limit",
    "pareto_front",
    "read_config",
    "read_remeasured",
    "read_trials",
    "run_search",
    "store_measurement",
]
