"""Files that nobody should trust: good ones, thousands of damaged copies, and attacks; all follow from a seed."""
