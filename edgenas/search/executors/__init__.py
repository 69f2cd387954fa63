"""Where evaluations run: in the process of the search, in worker processes, on a Ray cluster."""

from edgenas.search.executors.base import BASELINE_NUMBER, Done, Executor, ExecutorFactory, Job
from edgenas.search.executors.in_process import InProcess

__all__ = ["BASELINE_NUMBER", "Done", "Executor", "ExecutorFactory", "InProcess", "Job"]
