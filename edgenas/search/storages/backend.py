"""What a place that keeps studies must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Backend", "StudyContent"]


@dataclass(frozen=True)
class StudyContent:
    """A stored study.

    Attributes:
        directions: Optuna's directions.
        user_attrs: user attributes.
        system_attrs: attributes that samplers keep.
        trials: Optuna's frozen trials by rising number; identifiers as `Mirror` counts them.
    """

    directions: Sequence[Any]
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)
    trials: Sequence[Any] = ()


class Backend(Protocol):
    """Keeps one study. Each call stores everything or nothing, and may be repeated after it failed.

    A call whose answer was lost with the connection may have stored everything: repeated, it finds that out and changes
    nothing. `durable` asks that a power cut does not undo the call, or any earlier one; without it only the death of
    the process is survived, which is much quicker.
    """

    @property
    def storage(self) -> Any:
        """Optuna's storage, for what is done once."""

    def load(self) -> StudyContent:
        """Reads everything."""

    def begin(self, trial: Any, study_attrs: Mapping[str, Any]) -> None:
        """Adds a running trial with its parameters and attributes, and sets system attributes of the study."""

    def report(self, trial: Any) -> None:
        """Stores the intermediate values of a running trial."""

    def finish(self, trial: Any, study_attrs: Mapping[str, Any], *, durable: bool) -> None:
        """Stores values, attributes and the end of a trial."""

    def close(self) -> None:
        """Lets go of files and connections."""
