"""Profile syntax, matching, scoring, selection, explanation. Pure."""

from digestmail.ranking.explanation import Explanation
from digestmail.ranking.index import Chosen, Index
from digestmail.ranking.selection import choose

__all__ = ["Chosen", "Explanation", "Index", "choose"]
