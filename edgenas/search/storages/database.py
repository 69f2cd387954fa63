"""`DatabaseBackend`: a study in the tables of Optuna's `RDBStorage`, written in a few bulk statements.

Optuna makes and checks the tables, so its dashboard and its other tools read them. It writes one parameter or
attribute at a time, though, some 200 statements a trial; here a trial is begun and finished by one transaction each.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from edgenas.search._optuna import optuna, sqlalchemy
from edgenas.search.storages.backend import StudyContent
from edgenas.search.storages.errors import ForeignWriterError
from edgenas.search.storages.mirror import FIRST_TRIAL_ID

__all__ = ["DatabaseBackend", "tables"]

Session = Any
Connection = Any
_json_to_distribution = lru_cache(maxsize=4096)(optuna.distributions.json_to_distribution)


def tables() -> Any:
    """Optuna's description of its tables."""
    from optuna.storages._rdb import models

    return models


class DatabaseBackend:
    """A study in a database.

    Args:
        storage: an `optuna.storages.RDBStorage`.
        name: name of the study, which exists.
        where: how messages call it.
        snapshot: statement after which all reads of a transaction see the same state.
        prepare: is called at the start of every transaction with the connection and whether it must be durable.

    Raises:
        LookupError: there is no such study.
    """

    def __init__(
        self,
        storage: Any,
        name: str,
        where: str,
        *,
        snapshot: str,
        prepare: Callable[[Connection, bool], None] | None = None,
    ) -> None:
        self._models = tables()
        self._storage = storage
        self._engine = storage.engine
        self._where = where
        self._snapshot = snapshot
        self._prepare = prepare or (lambda connection, durable: None)
        self._study_id: int = storage.get_study_id_from_name(name)
        self._trial_ids: dict[int, int] = {}

    @property
    def storage(self) -> Any:
        """Optuna's storage."""
        return self._storage

    def close(self) -> None:
        """Lets go of the connections."""
        self._engine.dispose()

    def load(self) -> StudyContent:
        """Reads everything by one statement for each table.

        Raises:
            ValueError: trial numbers are missing, or there is something that Optuna cannot have written.
        """
        m, mine = self._models, self._study_id
        with sqlalchemy.orm.Session(self._engine) as session:
            # A search may go on meanwhile: every table is read as it was at one moment.
            session.connection().exec_driver_sql(self._snapshot)
            directions = session.query(m.StudyDirectionModel).filter_by(study_id=mine)
            found = session.query(m.TrialModel).filter_by(study_id=mine).order_by(m.TrialModel.trial_id).all()
            numbers = [row.number for row in found]
            if numbers != list(range(len(numbers))):
                raise ValueError(f"trial numbers are not 0 to {len(numbers) - 1}")
            parts = {row.trial_id: _Parts() for row in found}
            for trial, name, value, text in self._rows(session, m.TrialParamModel, "param_id"):
                distribution = _json_to_distribution(text)
                parts[trial].params[name] = distribution.to_external_repr(value)
                parts[trial].distributions[name] = distribution
            for trial, objective, value, kind in self._rows(session, m.TrialValueModel, "objective"):
                parts[trial].values[objective] = m.TrialValueModel.stored_repr_to_value(value, kind)
            steps = m.TrialIntermediateValueModel
            for trial, step, value, kind in self._rows(session, steps, "step"):
                parts[trial].intermediate[step] = steps.stored_repr_to_intermediate_value(value, kind)
            for trial, key, text in self._rows(session, m.TrialUserAttributeModel, "trial_user_attribute_id"):
                parts[trial].user_attrs[key] = json.loads(text)
            for trial, key, text in self._rows(
                session, m.TrialSystemAttributeModel, "trial_system_attribute_id"
            ):
                parts[trial].system_attrs[key] = json.loads(text)
            self._trial_ids = {row.number: row.trial_id for row in found}
            return StudyContent(
                directions=[row.direction for row in sorted(directions, key=lambda row: row.objective)],
                user_attrs=self._study_attrs(session, m.StudyUserAttributeModel),
                system_attrs=self._study_attrs(session, m.StudySystemAttributeModel),
                trials=[parts[row.trial_id].frozen(row) for row in found],
            )

    def begin(self, trial: Any, study_attrs: Mapping[str, Any]) -> None:
        """See `Backend.begin`.

        Raises:
            ForeignWriterError: the study has trials that this process does not know.
        """
        with self._transaction(durable=False) as connection:
            known = self._count(connection)
            if known == trial.number + 1 and (trial_id := self._stored_before(connection, trial)) is not None:
                self._trial_ids[trial.number] = trial_id
                return
            if known != trial.number:
                raise ForeignWriterError(
                    f"The study {self._where} has {known} trials and this search knows of {trial.number}: somebody "
                    "else writes to it. End the other search, then go on with --resume."
                )
            m = self._models
            row = m.TrialModel(
                study_id=self._study_id,
                number=trial.number,
                state=trial.state,
                datetime_start=trial.datetime_start,
            )
            added = connection.execute(sqlalchemy.insert(m.TrialModel.__table__), _columns(row))
            trial_id = int(added.inserted_primary_key[0])
            parameters = [
                {
                    "trial_id": trial_id,
                    "param_name": name,
                    "param_value": distribution.to_internal_repr(trial.params[name]),
                    "distribution_json": optuna.distributions.distribution_to_json(distribution),
                }
                for name, distribution in trial.distributions.items()
            ]
            _insert(connection, m.TrialParamModel, parameters)
            self._set_attrs(connection, m.TrialSystemAttributeModel, "trial_id", trial_id, trial.system_attrs)
            self._set_attrs(connection, m.StudySystemAttributeModel, "study_id", self._study_id, study_attrs)
        self._trial_ids[trial.number] = trial_id

    def report(self, trial: Any) -> None:
        """See `Backend.report`."""
        with self._transaction(durable=False) as connection:
            self._set_steps(connection, trial)

    def finish(self, trial: Any, study_attrs: Mapping[str, Any], *, durable: bool) -> None:
        """See `Backend.finish`.

        Raises:
            ForeignWriterError: the trial was finished with another outcome, or is gone.
        """
        m, trial_id = self._models, self._trial_ids[trial.number]
        with self._transaction(durable=durable) as connection:
            trials = m.TrialModel.__table__
            mine = trials.c.trial_id == trial_id
            state = connection.execute(
                sqlalchemy.select(trials.c.state).where(mine).with_for_update()
            ).scalar()
            if state is None or state.is_finished():
                if state == trial.state and self._values(connection, trial_id) == trial.values:
                    return
                raise ForeignWriterError(
                    f"Trial {trial.number} of the study {self._where} was "
                    f"{'deleted' if state is None else 'finished'} by somebody else. End the other search, then go on "
                    "with --resume."
                )
            ended = _columns(m.TrialModel(state=trial.state, datetime_complete=trial.datetime_complete))
            connection.execute(sqlalchemy.update(trials).where(mine), ended)
            values = [
                dict(zip(("value", "value_type"), m.TrialValueModel.value_to_stored_repr(value), strict=True))
                for value in trial.values or ()
            ]
            _insert(
                connection,
                m.TrialValueModel,
                [{"trial_id": trial_id, "objective": n, **value} for n, value in enumerate(values)],
            )
            self._set_steps(connection, trial)
            self._set_attrs(connection, m.TrialUserAttributeModel, "trial_id", trial_id, trial.user_attrs)
            self._set_attrs(connection, m.TrialSystemAttributeModel, "trial_id", trial_id, trial.system_attrs)
            self._set_attrs(connection, m.StudySystemAttributeModel, "study_id", self._study_id, study_attrs)

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[Connection]:
        # A bare connection: through a session of SQLAlchemy these few statements take a third longer.
        with self._engine.begin() as connection:
            self._prepare(connection, durable)
            yield connection

    def _count(self, connection: Connection) -> int:
        studies, trials = self._models.StudyModel.__table__.c, self._models.TrialModel.__table__.c
        if self._engine.dialect.name != "sqlite":  # which locks the whole file by itself
            # The row of the study is locked, as Optuna does: nobody else can add a trial meanwhile.
            study = sqlalchemy.select(studies.study_id).where(studies.study_id == self._study_id)
            connection.execute(study.with_for_update()).one()
        counted = sqlalchemy.select(sqlalchemy.func.count(trials.trial_id))
        return int(connection.execute(counted.where(trials.study_id == self._study_id)).scalar_one())

    def _stored_before(self, connection: Connection, trial: Any) -> int | None:
        """Identifier of this very trial where its commit succeeded and only the answer was lost."""
        m, session = self._models, sqlalchemy.orm.Session(connection)
        row = (
            session.query(m.TrialModel).filter_by(study_id=self._study_id, number=trial.number).one_or_none()
        )
        if row is None or row.state != trial.state or row.datetime_start != trial.datetime_start:
            return None
        params = {
            p.param_name: _json_to_distribution(p.distribution_json).to_external_repr(p.param_value)
            for p in session.query(m.TrialParamModel).filter_by(trial_id=row.trial_id)
        }
        return int(row.trial_id) if params == trial.params else None

    def _values(self, connection: Connection, trial_id: int) -> list[float] | None:
        m = self._models.TrialValueModel
        rows = sqlalchemy.orm.Session(connection).query(m).filter_by(trial_id=trial_id).order_by(m.objective)
        return [m.stored_repr_to_value(row.value, row.value_type) for row in rows] or None

    def _set_steps(self, connection: Connection, trial: Any) -> None:
        if not trial.intermediate_values:
            return
        model, trial_id = self._models.TrialIntermediateValueModel, self._trial_ids[trial.number]
        connection.execute(sqlalchemy.delete(model.__table__).where(model.__table__.c.trial_id == trial_id))
        rows = []
        for step, value in trial.intermediate_values.items():
            stored, kind = model.intermediate_value_to_stored_repr(value)
            rows.append(
                {
                    "trial_id": trial_id,
                    "step": step,
                    "intermediate_value": stored,
                    "intermediate_value_type": kind,
                }
            )
        _insert(connection, model, rows)

    @staticmethod
    def _set_attrs(
        connection: Connection, model: Any, owner: str, owner_id: int, attrs: Mapping[str, Any]
    ) -> None:
        """Sets attributes; others, such as notes that people wrote in optuna-dashboard, stay."""
        if not attrs:
            return
        columns = model.__table__.c
        connection.execute(
            sqlalchemy.delete(model.__table__).where(columns[owner] == owner_id, columns.key.in_(list(attrs)))
        )
        _insert(
            connection,
            model,
            [{owner: owner_id, "key": k, "value_json": json.dumps(v)} for k, v in attrs.items()],
        )

    def _study_attrs(self, session: Session, model: Any) -> dict[str, Any]:
        return {
            row.key: json.loads(row.value_json)
            for row in session.query(model).filter_by(study_id=self._study_id)
        }

    def _rows(self, session: Session, model: Any, order: str) -> Any:
        """The rows of this study's trials in one table: the identifier of the trial and what the table holds."""
        columns, trials = model.__table__.c, self._models.TrialModel.__table__.c
        keys = {key.name for key in model.__table__.primary_key}
        wanted = [c for c in columns if c.name not in keys and c.name != "trial_id"]
        statement = (
            sqlalchemy.select(columns.trial_id, *wanted)
            .join_from(
                model.__table__, self._models.TrialModel.__table__, columns.trial_id == trials.trial_id
            )
            .where(trials.study_id == self._study_id)
            .order_by(columns.trial_id, columns[order])
        )
        return session.execute(statement)


class _Parts:
    """What the tables hold of one trial."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, Any] = {}
        self.values: dict[int, float] = {}
        self.intermediate: dict[int, float] = {}
        self.user_attrs: dict[str, Any] = {}
        self.system_attrs: dict[str, Any] = {}

    def frozen(self, row: Any) -> Any:
        """The trial as Optuna has it."""
        return optuna.trial.FrozenTrial(
            number=row.number,
            trial_id=row.number + FIRST_TRIAL_ID,
            state=row.state,
            value=None,
            values=[self.values[n] for n in range(len(self.values))] or None,
            datetime_start=row.datetime_start,
            datetime_complete=row.datetime_complete,
            params=self.params,
            distributions=self.distributions,
            user_attrs=self.user_attrs,
            system_attrs=self.system_attrs,
            intermediate_values=self.intermediate,
        )


def _columns(row: Any) -> dict[str, Any]:
    """What an object of Optuna's tables would store; its setters know how this Optuna keeps times."""
    attributes = (
        (a.columns[0].name, getattr(row, a.key)) for a in sqlalchemy.inspect(type(row)).column_attrs
    )
    return {name: value for name, value in attributes if value is not None}


def _insert(connection: Connection, model: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(sqlalchemy.insert(model.__table__), rows)
