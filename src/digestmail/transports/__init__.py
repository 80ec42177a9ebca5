"""Adapters that take messages out, named for the technology and ignorant of one another."""
