"""Addresses of code and of project pages that an abstract names. Pure.

16 % of 74,728 abstracts name a repository. The first address wins whose sentence says that it is the paper's own
(``code is available at``); abstracts also name what they build on and what they compare with.
"""

import re
from typing import NamedTuple

_ADDRESS = re.compile(
    r"(?:https?\s?:\s?//\s?|(?<![\w@/.-])(?=(?:www\.)?(?:github\.com|gitlab\.com|huggingface\.co|[\w-]+\.github\.io)/))"
    r"[\w-]+(?:\.[\w-]+)+[^\s<>\"“”‘’|{}\\^`–—，。；、（）]*",
    re.IGNORECASE,
)
_HINTS = ("://", ".com/", ".co/", ".io/")
_PARTS = re.compile(r"https?://([\w.-]+)(?::\d+)?((?:/[^?#]*)?)", re.IGNORECASE)
_TRAILING = ".,;:!?'*_"
_CODE_HOSTS = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "anonymous.4open.science")
_CODE_PREFIXES = ("gitlab.", "git.")
_PAGE_HOSTS = ("huggingface.co", "hf.co", "modelscope.cn", "sites.google.com")
_PAGE_SUFFIXES = (".github.io", ".gitlab.io", ".netlify.app", ".vercel.app")
# where data and papers lie: neither code nor a page about it
_OTHER_HOSTS = ("doi.org", "arxiv.org", "zenodo.org", "kaggle.com", "youtube.com", "youtu.be", "osf.io", "figshare.com")
# what authors write before an address of their own, in the same sentence
_OWN = re.compile(
    r"\b(?:availab\w+|releas\w+|publish\w*|open[- ]?sourc\w+|our|codes?|demos?|project|website|homepage|repo\w*|found"
    r"|visit|provided?|access\w*|maintain\w*)\b|^\W*$",
    re.IGNORECASE,
)
# what they call a page, so that its host may be any
_PAGE = re.compile(
    r"\b(?:project|(?:web|demo|home)[ -]?(?:page|site|video)s?|demos?|codes?|models?|platform|implementation)\b",
    re.IGNORECASE,
)
_REPOSITORY_PARTS = 2  # github.com/owner/name
_LONGEST = 20_000  # characters; the longest of 74,728 real abstracts has 3,488
_SENTENCE = 160  # characters before an address that may speak of it


class Addresses(NamedTuple):
    """What an abstract names."""

    code: str | None = None
    project: str | None = None


def addresses(abstract: str) -> Addresses:
    """The paper's own repository and its project page, as far as the abstract names them.

    >>> addresses("Code: https://github.com/ann/tool. Project page: ann.github.io/tool/")
    Addresses(code='https://github.com/ann/tool', project='https://ann.github.io/tool/')
    """
    code = project = None
    abstract = abstract[:_LONGEST]
    if not any(hint in abstract for hint in _HINTS):
        return Addresses()
    end, last = 0, len(abstract.rstrip(" .)]"))
    for found in _ADDRESS.finditer(abstract):
        before = abstract[max(end, found.start() - _SENTENCE) : found.start()].rpartition(". ")[2]
        end = found.end()
        address = _trimmed(found[0])
        if not address or not (end >= last or _OWN.search(before)):
            continue
        if _is_repository(address):
            code = code or address
        elif _is_page(address) or (_PAGE.search(before) and not _is_elsewhere(address)):
            project = project or address
    return Addresses(code, project)


def _trimmed(written: str) -> str | None:
    """The address without what ends the sentence, with a scheme; None when it is none."""
    address = re.sub(r"\s", "", written)
    while address and (address[-1] in _TRAILING or (address[-1] in ")]" and not _is_balanced(address))):
        address = address[:-1]
    address = address if "://" in address else f"https://{address}"
    return address if _PARTS.match(address) and address.isascii() else None


def _is_balanced(address: str) -> bool:
    return address.count("(") >= address.count(")") and address.count("[") >= address.count("]")


def _host_and_parts(address: str) -> tuple[str, list[str]]:
    parts = _PARTS.match(address)
    host, path = parts.groups() if parts else ("", "")
    return host.lower().removeprefix("www."), [part for part in path.split("/") if part]


def _is_repository(address: str) -> bool:
    host, parts = _host_and_parts(address)
    return (host in _CODE_HOSTS or host.startswith(_CODE_PREFIXES)) and len(parts) >= _REPOSITORY_PARTS


def _is_page(address: str) -> bool:
    host, parts = _host_and_parts(address)
    return (host in _PAGE_HOSTS and bool(parts)) or host.endswith(_PAGE_SUFFIXES)


def _is_elsewhere(address: str) -> bool:
    host, _ = _host_and_parts(address)
    return host in (*_CODE_HOSTS, *_OTHER_HOSTS)
