"""Benchmarks: ``python -m benchmarks.NAME``. Each prints its baseline beside its figure, from the same run."""
