"""Runs and right answers to numbers: arrays in, numbers out."""
