"""digestmail: papers in your inbox, ranked for every subscriber, never lost and never repeated."""

__version__ = "0.1.0"
