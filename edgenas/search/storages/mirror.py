"""`Mirror`: the study in memory, which the samplers read; `TrialStore` writes what changes through to a backend.

Optuna asks its storage dozens of times a trial. Only the driver writes the study, so memory is always right, and a
database is needed twice a trial only: for the decisions, and for the outcome.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from edgenas.search._optuna import optuna

__all__ = ["FIRST_TRIAL_ID", "Mirror"]

FIRST_TRIAL_ID = 1
"""Identifier of trial 0. NSGA-II keeps identifiers in its study, and a file of SQLite counts from 1."""

_STUDY_ID = 0
_STATE = optuna.trial.TrialState


class Mirror(optuna.storages.BaseStorage):  # type: ignore[misc]
    """One study in memory; trial n has the identifier n + 1 whatever the backend calls it.

    Trials are replaced and never changed: who holds one keeps what it was.

    Args:
        name: name of the study.
        directions: Optuna's directions.
        user_attrs: user attributes of the study.
        system_attrs: system attributes of the study.
        trials: trials by rising number, from 0, with identifiers from `FIRST_TRIAL_ID`; taken over, not copied.
    """

    def __init__(
        self,
        name: str,
        directions: Sequence[Any],
        user_attrs: Mapping[str, Any],
        system_attrs: Mapping[str, Any],
        trials: Iterable[Any] = (),
    ) -> None:
        self._name = name
        self._directions = list(directions)
        self._user_attrs = dict(user_attrs)
        self._system_attrs = dict(system_attrs)
        self._trials = list(trials)
        # By state, as samplers ask for the completed ones again and again and `ask` for those that wait.
        self._by_state = {state: _ByNumber() for state in _STATE}
        for trial in self._trials:
            self._by_state[trial.state].put(trial)
        self._changed_study_attrs: dict[str, Any] = {}

    def take_study_attrs(self) -> dict[str, Any]:
        """System attributes of the study that were set since the last call."""
        changed, self._changed_study_attrs = self._changed_study_attrs, {}
        return changed

    def numbers(self) -> int:
        """Number of trials, whatever their state."""
        return len(self._trials)

    def trial(self, number: int) -> Any:
        """A trial by its number."""
        return self._trials[number]

    def withdraw(self, number: int) -> None:
        """Forgets the newest trial: its decisions were never made."""
        if number != len(self._trials) - 1:
            raise ValueError(
                f"Only the newest trial, {len(self._trials) - 1}, can be withdrawn. Got {number}."
            )
        trial = self._trials.pop()
        self._by_state[trial.state].remove(number)

    # What Optuna asks of a storage, in the order of `BaseStorage`.

    def create_new_study(self, directions: Sequence[Any], study_name: str | None = None) -> int:
        """Not possible: a mirror holds one study."""
        raise NotImplementedError("A mirror holds one study.")

    def delete_study(self, study_id: int) -> None:
        """Not possible either."""
        raise NotImplementedError("A mirror keeps its study.")

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Sets a user attribute in memory only; a backend sets those of its study when it makes it."""
        self._user_attrs = {**self._user_attrs, key: value}

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Sets an attribute that a sampler keeps."""
        self._system_attrs = {**self._system_attrs, key: value}
        self._changed_study_attrs[key] = value

    def get_study_id_from_name(self, study_name: str) -> int:
        """The identifier of the study."""
        if study_name != self._name:
            raise KeyError(f"No study {study_name!r}.")
        return _STUDY_ID

    def get_study_name_from_id(self, study_id: int) -> str:
        """The name of the study."""
        return self._name

    def get_study_directions(self, study_id: int) -> list[Any]:
        """The directions."""
        return self._directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """User attributes."""
        return self._user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Attributes of samplers."""
        return self._system_attrs

    def get_all_studies(self) -> list[Any]:
        """Not needed by a study that is open."""
        raise NotImplementedError("A mirror holds one study.")

    def create_new_trial(self, study_id: int, template_trial: Any = None) -> int:
        """A running trial with the next number."""
        if template_trial is not None:
            raise NotImplementedError("Trials of a search are begun, not added.")
        number = len(self._trials)
        trial = optuna.trial.FrozenTrial(
            number=number,
            trial_id=number + FIRST_TRIAL_ID,
            state=_STATE.RUNNING,
            value=None,
            datetime_start=datetime.now(),
            datetime_complete=None,
            params={},
            distributions={},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        self._trials.append(trial)
        self._by_state[_STATE.RUNNING].put(trial)
        return int(trial._trial_id)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: Any
    ) -> None:
        """Sets a decision."""
        trial = self._copy(trial_id)
        value = distribution.to_external_repr(param_value_internal)
        trial.params = {**trial.params, param_name: value}
        trial.distributions = {**trial.distributions, param_name: distribution}
        self._replace(trial)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """The identifier of a trial."""
        if not 0 <= trial_number < len(self._trials):
            raise KeyError(f"No trial {trial_number}.")
        return trial_number + FIRST_TRIAL_ID

    def get_trial_number_from_id(self, trial_id: int) -> int:
        """The number of a trial."""
        return trial_id - FIRST_TRIAL_ID

    def set_trial_state_values(
        self, trial_id: int, state: Any, values: Sequence[float] | None = None
    ) -> bool:
        """Ends a trial."""
        trial = self._copy(trial_id)
        trial.state = state
        if values is not None:
            trial.values = values
        if state.is_finished():
            trial.datetime_complete = datetime.now()
        self._replace(trial)
        return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Sets a value on the way."""
        trial = self._copy(trial_id)
        trial.intermediate_values = {**trial.intermediate_values, step: intermediate_value}
        self._replace(trial)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Sets an attribute of the record."""
        trial = self._copy(trial_id)
        trial.user_attrs = {**trial.user_attrs, key: value}
        self._replace(trial)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Sets an attribute that a sampler keeps."""
        trial = self._copy(trial_id)
        trial.system_attrs = {**trial.system_attrs, key: value}
        self._replace(trial)

    def get_trial(self, trial_id: int) -> Any:
        """A trial by its identifier."""
        number = trial_id - FIRST_TRIAL_ID
        if not 0 <= number < len(self._trials):
            raise KeyError(f"No trial with the identifier {trial_id}.")
        return self._trials[number]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[Any] | None = None
    ) -> list[Any]:
        """Trials by rising number."""
        wanted = [state for state in _STATE if states is None or state in states]
        if len(wanted) == 1:
            found = self._by_state[wanted[0]].all()
        else:
            found = [trial for trial in self._trials if states is None or trial.state in states]
        return copy.deepcopy(found) if deepcopy else found

    def _copy(self, trial_id: int) -> Any:
        trial = self.get_trial(trial_id)
        self.check_trial_is_updatable(trial_id, trial.state)
        return copy.copy(trial)

    def _replace(self, trial: Any) -> None:
        before = self._trials[trial.number]
        if before.state != trial.state:
            self._by_state[before.state].remove(trial.number)
        self._trials[trial.number] = trial
        self._by_state[trial.state].put(trial)


class _ByNumber:
    """Trials of one state by rising number."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._trials: list[Any] = []

    def all(self) -> list[Any]:
        return list(self._trials)

    def put(self, trial: Any) -> None:
        at = bisect_left(self._numbers, trial.number)
        if at < len(self._numbers) and self._numbers[at] == trial.number:
            self._trials[at] = trial
        else:
            self._numbers.insert(at, trial.number)
            self._trials.insert(at, trial)

    def remove(self, number: int) -> None:
        at = bisect_left(self._numbers, number)
        if self._numbers[at] != number:
            raise ValueError(f"Trial {number} is not in this state.")
        del self._numbers[at], self._trials[at]
