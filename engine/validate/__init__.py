"""Proof in simulation: plan in force against candidate."""
