"""From an issue to its words: templates compiled once, then filled per subscriber."""
