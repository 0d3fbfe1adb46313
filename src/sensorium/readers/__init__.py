"""Bytes to parts: what a file is, told by its content, and what is in it. Knows no model and no store."""
