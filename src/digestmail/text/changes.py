"""What happened to a paper between two looks at it. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from digestmail.model import ChangeKind, Paper
from digestmail.text.identity import is_preprint, title_key


def changes(old: Paper, new: Paper) -> Iterator[tuple[ChangeKind, str, str]]:
    """What readers of ``old`` may want to know: the kind of change, what was before, what is now."""
    if new.withdrawn and not old.withdrawn:
        yield ChangeKind.WITHDRAWN, "", ""
    elif (new.version or 1) > (old.version or 1) and title_key(new.abstract) != title_key(old.abstract):
        yield ChangeKind.REVISED, old.abstract, new.abstract
    if new.doi and new.doi != old.doi and not is_preprint(new.doi):
        yield ChangeKind.PUBLISHED, old.doi or "", new.doi
    if new.code_url and not old.code_url:
        yield ChangeKind.CODE, "", new.code_url


def told_more(old: Paper, new: Paper) -> bool:
    """Whether more is known than newer counts."""
    return replace(old, upvotes=None, comments=None, citations=None) != replace(
        new, upvotes=None, comments=None, citations=None
    )
