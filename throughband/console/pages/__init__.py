"""The console's pages: server-rendered HTML that works without scripts, and better with them."""
