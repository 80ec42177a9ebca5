"""Profile syntax, matching, scoring, explanation. Pure."""
