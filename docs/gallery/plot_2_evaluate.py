"""
What an offset costs in the model
=================================

The optimizer's queue model tells delay, stops and queues of plans without a simulation. Here the
offset of the second of three signals goes once around the cycle, everything else staying as it is.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from engine.measures.evaluation import evaluate
from engine.measures.street import Driving, build_street
from engine.optimize.appraisal import street_tables
from engine.optimize.problem import Limits
from throughband.generate import Wish, generate
from throughband.setting import open_setting

folder = Path(tempfile.mkdtemp()) / "street"
built = generate(Wish("arterial", 3, None, None, 1, None, 0.7, False), folder)
network = open_setting(str(built.config_file)).network

# %%
# Demand is a flow per movement and period, in vehicles an hour: through traffic 350, turns 60.

flows = {
    name: np.full(2, 350.0 if movement.turn == "s" else 60.0)
    for name, movement in network.movements.items()
}
street = build_street(network, flows, period_s=900, driving=Driving())
tables = street_tables(network, street, Limits())

# %%
# `evaluate` plays two quarters of an hour in a fraction of a millisecond, so a whole cycle of
# offsets is nothing.

second = sorted(network.signals)[1]
plan = network.signals[second].plan_in_force
offsets = range(0, plan.cycle_s, 2)
delays = []
for offset_s in offsets:
    tables.set(replace(plan, offset_s=offset_s))
    delays.append(evaluate(tables, 0, street.horizon_s).delay_s)

figure, axes = plt.subplots(figsize=(7, 3))
axes.plot(offsets, delays)
axes.axvline(plan.offset_s, linestyle=":", color="gray")
axes.set_xlabel(f"offset of {second}, s (dotted: in force)")
axes.set_ylabel("delay, s per signal passage")
figure.tight_layout()
print(f"from {min(delays):.1f} to {max(delays):.1f} s")
