"""Every error the project raises on purpose, as one tree::

    ThroughbandError
      NetworkError      FormatError, TopologyError
      CountError        StaleCountsError
      PlanError         UnsafePlanError (lists every violation)
      EngineError       InsufficientDataError, InfeasibleError, SimulationError
      ScenarioError
      PluginError
      ApprovalError     ApprovalExpiredError
      StoreError        StoreUnavailableError, NewerStoreError, MissingError, StaleError, MoveError
      AccessError       SignInError, RightError
      ControllerError   UnreachableError, RejectedValueError, ReadBackMismatchError,
                        RollbackFailedError

A message says what went wrong, where, what was found and what would be allowed. Foreign
exceptions are translated once, at the adapter that met them, with ``raise ... from``. Only
the command line catches the root of the tree.
"""

from __future__ import annotations


class ThroughbandError(Exception):
    """Root of the tree; its text is one readable line."""


class NetworkError(ThroughbandError):
    """The road network cannot be used as it stands."""


class FormatError(NetworkError):
    """A file is not what it claims to be."""


class TopologyError(NetworkError):
    """Links, movements or signals do not fit together."""


class CountError(ThroughbandError):
    """Counts are missing, malformed or name unknown movements."""


class StaleCountsError(CountError):
    """The newest good count is too old to plan from."""


class PlanError(ThroughbandError):
    """A timing plan is malformed or does not belong to the network."""


class UnsafePlanError(PlanError):
    """A plan breaks at least one safety rule.

    Parameters
    ----------
    violations
        One sentence per violation, in the order found.
    """

    def __init__(self, violations: tuple[str, ...]) -> None:
        self.violations = violations
        count = len(violations)
        noun = "rule" if count == 1 else "rules"
        super().__init__(f"the plan breaks {count} safety {noun}: " + "; ".join(violations))

    def __reduce__(self) -> tuple[type[UnsafePlanError], tuple[tuple[str, ...]]]:
        """Let it be sent between processes."""
        return type(self), (self.violations,)


class EngineError(ThroughbandError):
    """Forecasting, optimizing or validating could not finish."""


class InsufficientDataError(EngineError):
    """Too little data for an answer worth giving."""


class InfeasibleError(EngineError):
    """No lawful plan exists under the given limits."""


class SimulationError(EngineError):
    """The simulator is missing, refused its input or died."""


class ScenarioError(ThroughbandError):
    """A scenario is unknown or incomplete."""


class PluginError(ThroughbandError):
    """What another package added cannot be found, loaded or used."""


class ApprovalError(ThroughbandError):
    """A plan is not approved for the street."""


class ApprovalExpiredError(ApprovalError):
    """The approval was given, and its time is over."""


class StoreError(ThroughbandError):
    """The console's database cannot be used, or refuses what was asked of it."""


class StoreUnavailableError(StoreError):
    """The database is locked, full or out of reach; nothing was changed, a later try may do."""


class NewerStoreError(StoreError):
    """The database was made by a newer program than this."""


class MissingError(StoreError):
    """There is no such row."""


class StaleError(StoreError):
    """What was looked at has changed since.

    Parameters
    ----------
    message
        The readable line.
    changes
        What happened meanwhile, a sentence each, oldest first.
    """

    def __init__(self, message: str, changes: tuple[str, ...] = ()) -> None:
        self.changes = changes
        super().__init__("; ".join((message, *changes)))


class MoveError(StoreError):
    """A plan cannot make this move from the state it is in."""


class AccessError(ThroughbandError):
    """Somebody may not do what was asked."""


class SignInError(AccessError):
    """Nobody could be recognized: wrong name or password, or nobody signed in."""


class RightError(AccessError):
    """The person is known and has not the right."""


class ControllerError(ThroughbandError):
    """A signal controller did not do what was asked."""


class UnreachableError(ControllerError):
    """No answer from the controller."""


class RejectedValueError(ControllerError):
    """The controller refused a value."""


class ReadBackMismatchError(ControllerError):
    """The controller stores something other than what was written."""


class RollbackFailedError(ControllerError):
    """The earlier values could not be restored; a person is needed."""
