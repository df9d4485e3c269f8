"""What training loops cost per batch beside one written by hand: `python -m benchmarks --help`."""
