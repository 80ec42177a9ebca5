"""Adapters that messages come in by, named for the technology and ignorant of one another."""
