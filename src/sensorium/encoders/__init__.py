"""Parts to vectors: bundles of towers, their preprocessing, and what runs them. Knows no store."""
