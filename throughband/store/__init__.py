"""The console's database: networks, runs, plans and their lives, people, warnings.

SQLite by default and PostgreSQL by its URL, with the same migrations. `open_store` is the way in.
"""

from throughband.store.store import Store as Store
from throughband.store.store import open_store as open_store
from throughband.store.store import restore_store as restore_store
