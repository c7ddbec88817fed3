"""The bridge as a long-running service and its commands."""
