"""The demo: a folder of samples, searches over it in every direction, and a page that shows what was found."""
