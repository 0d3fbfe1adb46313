"""Zero-shot labels: which of some labels things have, or none of these."""
