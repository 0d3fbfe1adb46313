"""What tests need, for Sensorium itself and for the authors of plug-ins: contract suites and tiny bundles."""
