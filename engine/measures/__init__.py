"""Delay, stops and queues of a plan, without simulation."""
