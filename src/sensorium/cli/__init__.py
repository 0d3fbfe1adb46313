"""The command line: one file per verb, all printing in `output`. It translates, it never decides."""
