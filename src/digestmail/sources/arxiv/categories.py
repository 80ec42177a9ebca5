"""arXiv's archives and categories, and what its services call them. Pure.

Source: https://arxiv.org/category_taxonomy. New categories appear now and then, so only archives are listed.
"""

import re

_PHYSICS = (
    "astro-ph",
    "cond-mat",
    "gr-qc",
    "hep-ex",
    "hep-lat",
    "hep-ph",
    "hep-th",
    "math-ph",
    "nlin",
    "nucl-ex",
    "nucl-th",
    "physics",
    "quant-ph",
)
_OTHERS = ("cs", "econ", "eess", "math", "q-bio", "q-fin", "stat")
#: all that are alive
ARCHIVES = tuple(sorted(_PHYSICS + _OTHERS))
_WITH_SUBJECTS = {*_OTHERS, "astro-ph", "cond-mat", "nlin", "physics"}
_IN_LOWER_CASE = {"cond-mat", "physics"}
_SUBJECT = re.compile(r"[A-Za-z]{2,}(?:-[A-Za-z]+)?")
# MSC codes begin with a digit, ACM classes with a capital
_TERM = re.compile(r"[a-z][a-z-]+(?:\.[A-Za-z-]+)?")


def normal(category: str) -> str | None:
    """A category or archive as arXiv writes it; None when there can be none of that name.

    >>> normal("CS.lg"), normal("physics.Optics"), normal("hep-th"), normal("hep-th.AB"), normal("biology")
    ('cs.LG', 'physics.optics', 'hep-th', None, None)
    """
    archive, dot, subject = category.strip().partition(".")
    archive = archive.lower()
    if archive not in ARCHIVES or (dot and (archive not in _WITH_SUBJECTS or not _SUBJECT.fullmatch(subject))):
        return None
    return archive + dot + (subject.lower() if archive in _IN_LOWER_CASE else subject.upper())


def is_term(text: str) -> bool:
    """Whether a term of an entry is one of arXiv's and no MSC or ACM class.

    >>> is_term("cs.LG"), is_term("68T07"), is_term("I.2.7")
    (True, False, False)
    """
    return _TERM.fullmatch(text) is not None


def holds(category: str, term: str) -> bool:
    """Whether a paper's category is the one asked for, or belongs to the archive asked for."""
    return term == category or term.startswith(f"{category}.")


def oai_set(category: str) -> str:
    """The OAI-PMH set (group:archive:subject) of a normal category: https://info.arxiv.org/help/oa.

    >>> oai_set("cs.LG"), oai_set("cond-mat.mes-hall"), oai_set("hep-th"), oai_set("math"), oai_set("physics.optics")
    ('cs:cs:LG', 'physics:cond-mat:mes-hall', 'physics:hep-th', 'math', 'physics:physics:optics')
    """
    archive, _, subject = category.partition(".")
    group = archive if archive in _OTHERS else "physics"
    if not subject and archive in _OTHERS:
        return group
    return ":".join(filter(None, (group, archive, subject)))


def query_term(category: str) -> str:
    """The term of the query API that finds a normal category.

    >>> query_term("cs.LG"), query_term("cs"), query_term("hep-th")
    ('cat:cs.LG', 'cat:cs.*', 'cat:hep-th')
    """
    return f"cat:{category}.*" if category in _WITH_SUBJECTS else f"cat:{category}"
