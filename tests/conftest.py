"""Settings of the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples every time, so that a red run means a change and not a new draw. New draws
# are looked for on purpose: THROUGHBAND_DRAW=1 make test-all.
settings.register_profile("steady", derandomize=True)
if not os.environ.get("THROUGHBAND_DRAW"):
    settings.load_profile("steady")
