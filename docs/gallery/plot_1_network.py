"""
Read a network and look at a plan in force
==========================================

A scenario opens as a :class:`throughband.setting.Setting`: what to play, and the roads with
their signals. Here the streets are made up, so that nothing has to be downloaded; a catalog name,
the path of a ``.sumocfg`` or a folder that ``throughband import`` made opens the same way.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from throughband.generate import Wish, generate
from throughband.setting import open_setting

folder = Path(tempfile.mkdtemp()) / "street"
built = generate(Wish("arterial", 3, None, None, 1, None, 0.7, False), folder)
setting = open_setting(str(built.config_file))

# %%
# Signals hold their phases, the movements these serve, and the plan in force.

for signal in setting.network.signals.values():
    plan = signal.plan_in_force
    print(
        signal.signal_id, "cycle", plan.cycle_s, "s, splits", plan.splits_s, "offset", plan.offset_s
    )

# %%
# A split is green, yellow and red clearance of its phase; the splits fill the cycle.

figure, axes = plt.subplots(figsize=(7, 2.4))
for row, signal in enumerate(setting.network.signals.values()):
    begin_s = 0
    for phase, split_s in zip(
        signal.plan_in_force.sequence, signal.plan_in_force.splits_s, strict=True
    ):
        axes.barh(row, split_s, left=begin_s, edgecolor="white", color=f"C{phase - 1}")
        axes.text(begin_s + split_s / 2, row, f"{phase}", ha="center", va="center", color="white")
        begin_s += split_s
axes.set_yticks(range(len(setting.network.signals)), list(setting.network.signals))
axes.set_xlabel("s of the cycle; numbers are phases")
figure.tight_layout()
