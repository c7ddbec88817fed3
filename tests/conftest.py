"""Settings of the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples every time, so that a red run means a change and not a new draw. New draws
# are looked for on purpose: THROUGHBAND_DRAW=1 make test-all.
# Nothing is judged by how long it takes: what else the machine does is not the test's subject.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("drawn", deadline=None)
settings.load_profile("drawn" if os.environ.get("THROUGHBAND_DRAW") else "steady")
