"""What becomes of degraded pictures and sounds, and how much words help."""
