"""`python -m sensorium.evaluate.study`."""

from sensorium.evaluate.study.run import main

if __name__ == "__main__":
    raise SystemExit(main())
