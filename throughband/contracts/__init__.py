"""What every plug-in must keep, as functions that a test calls; no test runner is imported.

Each module holds `BEHAVIORS`, a tuple of functions; each takes what the module says and raises
`AssertionError` where the contract is broken. With pytest::

    @pytest.mark.parametrize("behavior", BEHAVIORS, ids=lambda behavior: behavior.__name__)
    def test_mine(behavior):
        behavior(MyOptimizer(), a_task)

Without assertions (``python -O``) nothing would be checked, so that importing this fails then.
"""

from network.errors import PluginError

if not __debug__:
    raise PluginError("contracts are made of assertions, which python -O leaves out")
