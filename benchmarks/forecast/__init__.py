"""Benchmarks of the flow forecaster: sets, protocol, scores and speed."""
