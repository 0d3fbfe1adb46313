"""Data sets, experiments and reports: how good a search is, on the user's own collection."""
