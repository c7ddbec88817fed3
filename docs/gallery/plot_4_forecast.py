"""
Forecast the next hour
======================

A forecaster learns the kinds of day from weeks of counts, follows today, and tells the next
intervals with quantiles that hold what they promise.
"""

from datetime import UTC, datetime, timedelta

import matplotlib.pyplot as plt
import numpy as np

from engine.forecast.forecaster import FlowForecaster

STEP_S, SLOTS = 900, 96
rng = np.random.default_rng(11)
hour = np.arange(SLOTS) / 4
shape = (
    8 + 60 * np.exp(-0.5 * ((hour - 8) / 1.4) ** 2) + 70 * np.exp(-0.5 * ((hour - 17) / 1.9) ** 2)
)
week = np.array([1.0, 1.0, 1.02, 1.05, 1.1, 0.75, 0.6])
usual = np.concatenate([shape * week[day % 7] for day in range(22)])[:, None] * np.array([1.0, 1.6])
counts = rng.poisson(usual).astype(float)
start = datetime(2031, 3, 3, tzinfo=UTC)

# %%
# Three weeks are learned. Today is 15 percent busier than usual, which the forecaster finds out.

forecaster = FlowForecaster(step_s=STEP_S, horizon_steps=4, tz="UTC")
forecaster.fit(counts[: 21 * SLOTS], start, ["north", "south"])
today = rng.poisson(1.15 * usual[21 * SLOTS :]).astype(float)
until = 64
for row in range(until):
    forecaster.update(start + timedelta(seconds=STEP_S * (21 * SLOTS + row)), today[row])
prediction = forecaster.predict((0.1, 0.5, 0.9))

# %%
# The band should hold eight counts of ten.

figure, axes = plt.subplots(figsize=(7, 3))
axes.plot(hour, today[:, 1], ".", color="gray", label="counted, later ones too")
ahead = hour[until : until + 4]
axes.fill_between(
    ahead, prediction.quantile_veh[0, :, 1], prediction.quantile_veh[2, :, 1], alpha=0.4
)
axes.plot(ahead, prediction.mean[:, 1], label="forecast, 10 to 90 percent")
axes.set_xlim(10, 22)
axes.set_xlabel("hour of the day")
axes.set_ylabel("vehicles in 15 min")
axes.legend()
figure.tight_layout()
print(prediction.day_type, prediction.mean[:, 1].round(1), today[until : until + 4, 1])
