"""Values, errors, settings and progress: what every package may use, and nothing else."""
