"""Profile syntax, matching, scoring, selection, explanation. Pure."""

from digestmail.ranking.explanation import Explanation
from digestmail.ranking.index import Index
from digestmail.ranking.join import Chosen
from digestmail.ranking.selection import choose

__all__ = ["Chosen", "Explanation", "Index", "choose"]
