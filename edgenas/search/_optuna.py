"""Imports Optuna once, quietly, with an install line where it is missing."""

from __future__ import annotations

from edgenas.errors import MissingDependencyError

try:
    import optuna
    import sqlalchemy.exc
    import sqlalchemy.orm
except ImportError as error:
    raise MissingDependencyError("optuna", "search", "Searching") from error

__all__ = ["optuna", "sqlalchemy"]

# Optuna logs one line for every study and trial; progress is the caller's business (`edgenas.search.events`).
optuna.logging.set_verbosity(optuna.logging.WARNING)
