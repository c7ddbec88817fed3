"""Environments for learning research: Gymnasium for one signal, PettingZoo for many.

Observations, rewards and arguments are called as ``sumo-rl`` calls them, so that agents written
for it run unchanged. What differs is that nobody can show anything unlawful: between two stages
the scenario's own yellow and red clearance run, least greens hold, and nobody waits for ever.
"""
