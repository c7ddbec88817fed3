"""Before and after on the street: what a change brought, and how sure that is."""
