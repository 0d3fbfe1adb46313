"""How a small bundle is trained: `python -m sensorium.train.run RECIPE --work FOLDER`. Nothing else needs torch."""
