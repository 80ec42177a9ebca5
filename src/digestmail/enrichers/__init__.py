"""Indexes of publications, which know more about papers that are there."""
