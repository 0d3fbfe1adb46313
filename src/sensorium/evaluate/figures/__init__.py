"""Charts as SVG, light and dark."""
