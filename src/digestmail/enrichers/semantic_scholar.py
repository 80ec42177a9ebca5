"""Semantic Scholar's Academic Graph (https://api.semanticscholar.org/api-docs/graph): papers by arXiv id or DOI."""

from collections.abc import Iterator, Mapping, Sequence

from digestmail.enrichers.reading import answer_of, chunks, part, venue, with_facts
from digestmail.errors import SourceFormatError
from digestmail.model import Paper, Revision, SkippedEntry
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.reading import count, kind, web_link
from digestmail.text.identity import doi

API = "https://api.semanticscholar.org/graph/v1/paper/batch"
_FIELDS = "externalIds,venue,publicationVenue,journal,citationCount,openAccessPdf"
_BATCH = 499
#: A request of nothing but unknown ids is refused with 400: one paper that everybody knows is always among them.
_KNOWN = "ARXIV:1706.03762"


class SemanticScholarEnricher:
    """Asks for 500 papers at a time. Without ``api_key`` it shares its turns with everybody, and 429 is common."""

    name = "semantic_scholar"

    def __init__(self, client: PoliteClient, *, api_key: str | None = None, url: str = API) -> None:
        self._client = client
        self._headers = {"x-api-key": api_key} if api_key else {}
        self._url = url

    def enrich(self, papers: Sequence[Paper]) -> Iterator[Revision | SkippedEntry]:
        """Yield the papers that Semantic Scholar knows. Raises SourceUnavailable and SourceFormatError."""
        known = [(found, paper) for paper in papers if (found := _id(paper))]
        for batch in chunks(known, _BATCH):
            asked = [*(found for found, _ in batch), _KNOWN]
            reply = self._client.ask(
                self._url, params={"fields": _FIELDS}, source=self.name, headers=self._headers, json={"ids": asked}
            )
            told = answer_of(reply.body or b"", self.name)
            if not isinstance(told, list):
                raise SourceFormatError(self.name, f"{kind(told)} instead of an array of papers")
            if len(told) != len(asked):
                raise SourceFormatError(self.name, f"{len(told)} answers to {len(asked)} questions")
            for (found, paper), facts in zip(batch, told[:-1], strict=True):
                if isinstance(facts, dict):
                    yield Revision(_with_facts(paper, facts))
                elif facts is not None:
                    yield SkippedEntry(f"{self.name} {found}", f"{kind(facts)} instead of an object")


def _id(paper: Paper) -> str | None:
    if paper.arxiv_id:
        return f"ARXIV:{paper.arxiv_id}"
    found = paper.key.removeprefix("doi:") if paper.key.startswith("doi:") else paper.doi
    return f"DOI:{found}" if found else None


def _with_facts(paper: Paper, facts: Mapping[str, object]) -> Paper:
    published = part(facts, "externalIds", "DOI")
    return with_facts(
        paper,
        doi=doi(published) if isinstance(published, str) else None,
        venue=venue(part(facts, "publicationVenue", "name"), facts.get("venue"), part(facts, "journal", "name")),
        citations=count(facts.get("citationCount")),
        open_access_url=web_link(part(facts, "openAccessPdf", "url")),
    )
