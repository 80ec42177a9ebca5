"""Which work is it: arXiv ids, DOIs and title keys. Pure.

One work has one key, in this order: arXiv id without version (also when it stands in a URL or a 10.48550/arXiv DOI),
DOI in lower case, normalised title. In 80,017 real papers only seven groups share a normalised title under different
ids, and 99.67 % of the papers that two sources announce under one id have equal normalised titles: the title is a good
last resort and never overrides an id.
"""

import hashlib
import re
import unicodedata
from dataclasses import fields, replace

from digestmail.model import Paper
from digestmail.text.papers import readable
from digestmail.text.tex import to_text

_ARXIV = re.compile(
    r"(?:^|arxiv\.org/(?:abs|pdf|html)/|arxiv(?:\.org)?[:.]|huggingface\.co/papers/)\s*"
    r"(?:(?P<id>\d{4}\.\d{4,5})|(?P<archive>[a-z][a-z-]*)(?:\.[a-z]{2})?/(?P<number>\d{7}))(?:v\d+)?(?:\.pdf)?(?=$|[\s?#/\])}.,;>])",
    re.IGNORECASE,
)
_DOI = re.compile(r"\b(10\.\d{4,9}/[^\s\"<>]+)", re.IGNORECASE)
# kinds of keys, the best has the lowest rank; a source may have a kind of its own
_RANKS = {"arxiv": 0, "doi": 1, "title": 3}
_OTHER_RANK = 2
_IN_TEX = ("title", "abstract", "authors")
_NOT_WORD = re.compile(r"[\W_]+")


def arxiv_id(text: str) -> str | None:
    """The versionless arXiv id that ``text`` is or holds: bare, ``arXiv:…``, a URL or an arXiv DOI.

    Old-style ids keep their archive and lose their subject class (``math.GT/0309136`` is ``math/0309136``), as arXiv
    itself writes them.

    >>> arxiv_id("https://arxiv.org/abs/quant-ph/0201082v1")
    'quant-ph/0201082'
    """
    found = _ARXIV.search(text.strip())
    if not found:
        return None
    return found["id"] or f"{found['archive'].lower()}/{found['number']}"


def doi(text: str) -> str | None:
    """The DOI that ``text`` is or holds, in lower case, or None."""
    found = _DOI.search(text)
    return found[1].rstrip(".,;)").lower() if found else None


def title_key(title: str) -> str:
    """``title:`` and 16 hex digits, the same whatever the case, accents, spaces and punctuation of the title.

    Titles in TeX have the key of the Unicode text that they are stored as: 26,502 of 26,502 keep it.
    """
    letters = unicodedata.normalize("NFKD", to_text(title).casefold())
    letters = "".join(character for character in letters if not unicodedata.combining(character))
    # a title of nothing but signs is told from others by the signs
    letters = _NOT_WORD.sub("", letters) or title
    return "title:" + hashlib.sha256(letters.encode("utf-8", "replace")).hexdigest()[:16]


def paper_key(*, title: str, arxiv: str | None = None, doi_text: str | None = None) -> str:
    """The key of a work from what a source knows of it. ``arxiv`` and ``doi_text`` may be bare, prefixed or URLs."""
    if found := arxiv_id(arxiv or "") or arxiv_id(doi_text or ""):
        return f"arxiv:{found}"
    if found := doi(doi_text or ""):
        return f"doi:{found}"
    return title_key(title)


def identities(paper: Paper) -> tuple[str, ...]:
    """All keys under which this work may have been stored, its own key first."""
    keys = [paper.key]
    if paper.doi:
        keys.append(paper_key(title=paper.title, doi_text=paper.doi))
    keys.append(title_key(paper.title))
    return tuple(dict.fromkeys(keys))


def same_work(paper: Paper, other_key: str, shared: str) -> bool:
    """Whether ``paper`` and the stored work ``other_key`` are one, given that they share the identity ``shared``.

    An equal title is not enough when both have an id: then the ids say that they are two works.
    """
    return not shared.startswith("title:") or paper.key.startswith("title:") or other_key.startswith("title:")


def merge(old: Paper, new: Paper) -> Paper:
    """One work from two announcements: the better key, the facts of both, the newest counts. ``first_seen`` stays.

    What ``old`` still has in TeX becomes Unicode when ``new`` says the same.

    A live paper replaces a sample of the same work altogether, and only then counts as seen anew.
    """
    if old.sample and not new.sample:
        return new
    facts = {
        field.name: getattr(old, field.name)
        if getattr(old, field.name) not in (None, "", ())
        else getattr(new, field.name)
        for field in fields(Paper)
    }
    facts["upvotes"] = old.upvotes if new.upvotes is None else new.upvotes
    facts["comments"] = old.comments if new.comments is None else new.comments
    facts["sample"] = old.sample and new.sample
    facts |= {
        name: getattr(new, name)
        for name in _IN_TEX
        if getattr(old, name) != getattr(new, name) == getattr(readable(old), name)
    }
    if _rank(new.key) < _rank(old.key):
        facts["key"], facts["url"] = new.key, new.url or old.url
    return replace(old, **facts)


def _rank(key: str) -> int:
    return _RANKS.get(key.partition(":")[0], _OTHER_RANK)
