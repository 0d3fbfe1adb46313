"""The library on the disk: tables, the commit rule, the lock, migrations. Knows no model and no index."""

import os

# Lance reads this once, when it is first imported, and would print conflicts that are retried to stderr.
os.environ.setdefault("LANCE_LOG", "error")
