"""The engineer's console: an application of FastAPI over the store, the journal and the bridge."""
