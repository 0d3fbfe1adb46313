"""The study that this project began with, again: its figures on any data set of pairs."""
