"""Controllers of this project as agents of the environments, for comparison on equal terms."""

from __future__ import annotations

from engine.adaptive.control import Controller
from throughband.learning.environment import SumoEnvironment


class ControllerAgent:
    """Any controller of `engine.adaptive`, acting through the environment.

    It decides as often as the environment asks for actions, every ``delta_time`` seconds, not
    every second as it would alone.

    Parameters
    ----------
    controller
        Started here.
    environment
        With many signals or one.
    """

    def __init__(self, controller: Controller, environment: SumoEnvironment) -> None:
        controller.start(environment.sites)
        self._controller = controller
        self._environment = environment

    def act(self) -> dict[str, int]:
        """Return an action for every signal."""
        environment = self._environment
        wishes = self._controller.decide(environment.sim_step, environment.views)
        return {
            name: wishes.get(name, signal.green_phase)
            for name, signal in environment.traffic_signals.items()
        }
