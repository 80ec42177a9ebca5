"""OpenAlex (https://developers.openalex.org): works by DOI; arXiv papers have one, too."""

import html
from collections.abc import Iterator, Mapping, Sequence

from digestmail.enrichers.reading import answer_of, chunks, part, venue, with_facts
from digestmail.errors import SourceFormatError
from digestmail.model import Paper, Revision, SkippedEntry
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.reading import count, kind, web_link
from digestmail.text.identity import doi, is_preprint

API = "https://api.openalex.org/works"
_BATCH = 50  # DOIs in one request; 100 are allowed, and an address of 8 KB is not always
_FIELDS = "doi,cited_by_count,primary_location,locations,open_access"
_NOT_IN_A_FILTER = frozenset(",|")  # they part filters and values


class OpenAlexEnricher:
    """Asks for fifty works at a time; without ``api_key`` a hundred requests a day are answered."""

    name = "openalex"

    def __init__(self, client: PoliteClient, *, api_key: str | None = None, url: str = API) -> None:
        self._client = client
        self._key = {"api_key": api_key} if api_key else {}
        self._url = url

    def enrich(self, papers: Sequence[Paper]) -> Iterator[Revision | SkippedEntry]:
        """Yield the papers that OpenAlex knows by their DOI. Raises SourceUnavailable and SourceFormatError."""
        known = {found: paper for paper in papers if (found := _doi(paper))}
        for dois in chunks(list(known), _BATCH):
            params: dict[str, str | int] = {
                "filter": f"doi:{'|'.join(dois)}",
                "per_page": _BATCH,
                "select": _FIELDS,
                **self._key,
            }
            answer = answer_of(self._client.get(self._url, params=params, source=self.name), self.name)
            works = part(answer, "results")
            if not isinstance(works, list):
                raise SourceFormatError(self.name, f"{kind(answer)} without 'results'")
            for number, work in enumerate(works, 1):
                yield from self._told(work, number, known)

    def _told(self, work: object, number: int, known: Mapping[str, Paper]) -> Iterator[Revision | SkippedEntry]:
        own = part(work, "doi")
        if not isinstance(work, dict) or not isinstance(own, str):
            yield SkippedEntry(f"{self.name} work {number}", f"{kind(work)} without a DOI")
        elif paper := known.get(doi(own) or ""):
            yield Revision(_with_facts(paper, work))


def _doi(paper: Paper) -> str | None:
    """The DOI to ask for: the publication's, else the preprint's."""
    found = paper.doi or (paper.key.removeprefix("doi:") if paper.key.startswith("doi:") else None)
    if paper.arxiv_id and not (found and not is_preprint(found)):
        found = f"10.48550/arxiv.{paper.arxiv_id}"
    return found if found and not _NOT_IN_A_FILTER.intersection(found) else None


def _with_facts(paper: Paper, work: Mapping[str, object]) -> Paper:
    places = work.get("locations")
    published, name = None, _venue(work.get("primary_location"))
    for place in places if isinstance(places, list) else ():
        address = part(place, "landing_page_url")
        if (there := _venue(place)) and isinstance(address, str) and (found := doi(address)):
            published, name = published or found, name or there
    return with_facts(
        paper,
        doi=published,
        venue=name,
        citations=count(work.get("cited_by_count")),
        open_access_url=web_link(part(work, "open_access", "oa_url")),
    )


def _venue(place: object) -> str | None:
    if part(place, "source", "type") == "repository":
        return None
    name = part(place, "source", "display_name")
    return venue(html.unescape(name) if isinstance(name, str) else name)
