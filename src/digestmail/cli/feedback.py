"""``like``, ``dislike`` and ``unlike``: what a reader thinks of a paper."""

from typing import Annotated

import typer

from digestmail.cli.common import DEFAULT_CONFIG, ConfigOption, address_of, newsletter_of, say
from digestmail.newsletter import feedback
from digestmail.storage.feedback import Kind

AddressArgument = Annotated[str, typer.Argument(help="A subscriber.")]
PaperArgument = Annotated[str, typer.Argument(help="arXiv id or URL, DOI, key, or the whole title.")]


def like(address: AddressArgument, paper: PaperArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """More like this: papers with the words of this one rank higher for a subscriber."""
    _note(address, paper, Kind.LIKE, config)


def dislike(address: AddressArgument, paper: PaperArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Less like this: papers with the words of this one rank lower for a subscriber."""
    _note(address, paper, Kind.DISLIKE, config)


def unlike(address: AddressArgument, paper: PaperArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Forget what a subscriber liked or disliked about a paper."""
    _note(address, paper, None, config)


def _note(address: str, paper: str, kind: Kind | None, config: ConfigOption) -> None:
    with newsletter_of(config) as newsletter:
        noted = feedback.note(newsletter, address_of(address), paper, kind)
    profile = noted.profile
    say(f"{noted.email}: {_words(noted)} ({len(profile.liked)} liked, {len(profile.disliked)} disliked)")


def _words(noted: feedback.Noted) -> str:
    title = f"“{noted.paper.title}”"
    match noted.after:
        case None:
            return f"no longer {noted.before}s {title}" if noted.before else f"had no opinion of {title}"
        case kind if kind is noted.before:
            return f"{kind}s {title} already"
        case kind:
            return f"{kind}s {title}: from the next issue on, {'more' if kind is Kind.LIKE else 'less'} like it"
