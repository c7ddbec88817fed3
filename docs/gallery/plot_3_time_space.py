"""
A time-space diagram
====================

Green over distance and time, with the bands that a platoon can ride. The upper panel shows the
plans in force, the lower one the offsets that widen the bands.
"""

import io
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from engine.measures.corridor_search import strongest_corridor
from engine.measures.street import Driving, build_street
from engine.optimize.bands import band_offsets
from throughband.generate import Wish, generate
from throughband.reports.time_space import time_space_diagram
from throughband.setting import open_setting

folder = Path(tempfile.mkdtemp()) / "street"
built = generate(Wish("arterial", 4, None, None, 2, None, 0.7, False), folder)
network = open_setting(str(built.config_file)).network
flows = {
    name: np.full(1, 350.0 if movement.turn == "s" else 60.0)
    for name, movement in network.movements.items()
}
street = build_street(network, flows, period_s=900, driving=Driving())

# %%
# The corridor that most traffic drives along is found from the flows.

corridor = strongest_corridor(network, street)
plans = {name: network.signals[name].plan_in_force for name in corridor.signals}
print(" - ".join(corridor.signals))

# %%
# The band program moves offsets only; cycles and splits stay.

solution = band_offsets(corridor, plans, network, street)
better = solution.plans
diagram = time_space_diagram(corridor, network, [("in force", plans), ("widest bands", better)])

# %%
# The figure is matplotlib's own: `diagram.savefig("bands.pdf")` prints it.

picture = io.BytesIO()
diagram.savefig(picture, dpi=110)
picture.seek(0)
shown = plt.figure(figsize=diagram.get_size_inches())
axes = shown.add_axes((0, 0, 1, 1))
axes.imshow(plt.imread(picture), aspect="auto")
axes.set_axis_off()
