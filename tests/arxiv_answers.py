"""Answers of arXiv's services, written as they write them: real layout, our own words."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from html import escape
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
TUESDAY = date(2026, 6, 30)


def item(  # noqa: PLR0913 - as many as it has facts
    number: int = 1,
    *,
    day: date = TUESDAY,
    kind: str = "new",
    version: int = 1,
    id: str = "",  # noqa: A002 - the element's name
    title: str = "",
    abstract: str = "We study one thing.",
    creator: str = "Ada Lovelace, Alan Turing",
    categories: Sequence[str] = ("cs.LG",),
    more: str = "",
) -> str:
    """One item of an RSS feed."""
    name = id or f"2606.{number:05}"
    midnight = datetime.combine(day, time(0), tzinfo=EASTERN)
    terms = "".join(f"<category>{term}</category>" for term in categories)
    return f"""<item>
      <title>{title or f"Paper {number}"}</title>
      <link>https://arxiv.org/abs/{name}</link>
      <description>arXiv:{name}v{version} Announce Type: {kind} \nAbstract: {abstract}</description>
      <guid isPermaLink="false">oai:arXiv.org:{name}v{version}</guid>
      {terms}
      <pubDate>{midnight:%a, %d %b %Y %H:%M:%S %z}</pubDate>
      <arxiv:announce_type>{kind}</arxiv:announce_type>{more}
      <dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>
      <dc:creator>{creator}</dc:creator>
    </item>"""


def rss(*items: str, day: date = TUESDAY, title: str = "cs.LG updates on arXiv.org", text: str = "Updates.") -> bytes:
    """A feed."""
    midnight = datetime.combine(day, time(0), tzinfo=EASTERN)
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:atom="http://www.w3.org/2005/Atom" version="2.0">
  <channel>
    <title>{title}</title>
    <link>http://rss.arxiv.org/rss/cs.LG</link>
    <description>{text}</description>
    <atom:link href="http://rss.arxiv.org/rss/cs.LG" rel="self" type="application/rss+xml"/>
    <lastBuildDate>{datetime.combine(day, time(4), tzinfo=UTC):%a, %d %b %Y %H:%M:%S %z}</lastBuildDate>
    <pubDate>{midnight:%a, %d %b %Y %H:%M:%S %z}</pubDate>
    <skipDays><day>Sunday</day><day>Saturday</day></skipDays>
    {"".join(items)}
  </channel>
</rss>
""".encode()


def record(  # noqa: PLR0913 - as many as it has facts
    number: int = 1,
    *,
    stamp: date = TUESDAY,
    versions: Sequence[datetime] = (datetime(2026, 6, 29, 15, tzinfo=UTC),),
    id: str = "",  # noqa: A002 - the element's name
    title: str = "",
    abstract: str = "We study one thing.",
    authors: str = "Ada Lovelace (London), Alan Turing and Grace Hopper",
    categories: str = "cs.LG stat.ML",
    more: str = "",
) -> str:
    """One arXivRaw record of OAI-PMH."""
    name = id or f"2606.{number:05}"
    history = "".join(
        f'<version version="v{count}"><date>{format_datetime(moment, usegmt=True)}</date><size>9kb</size></version>'
        for count, moment in enumerate(versions, 1)
    )
    return f"""<record><header><identifier>oai:arXiv.org:{name}</identifier><datestamp>{stamp}</datestamp>
<setSpec>cs:cs:LG</setSpec></header>
<metadata><arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"><id>{name}</id><submitter>Ada Lovelace</submitter>{history}
<title>{title or f"Paper {number}"}</title><authors>{authors}</authors><categories>{categories}</categories>{more}
<abstract>  {abstract}
</abstract></arXivRaw></metadata></record>"""


def deleted(number: int) -> str:
    """A record that is gone."""
    return f"""<record><header status="deleted"><identifier>oai:arXiv.org:2606.{number:05}</identifier>
<datestamp>2026-06-30</datestamp></header></record>"""


def oai(*records: str, token: str | None = None) -> bytes:
    """An answer to ListRecords; without records, that none matches."""
    if not records:
        return oai_error("noRecordsMatch", "no records match")
    told = "" if token is None else f'<resumptionToken expires="2026-07-01T00:00:00Z">{escape(token)}</resumptionToken>'
    return _oai(f"<ListRecords>{''.join(records)}{told}</ListRecords>")


def oai_error(code: str, text: str = "") -> bytes:
    """An error, with status 200 as the protocol wants it."""
    return _oai(f'<error code="{code}">{text}</error>')


def _oai(content: str) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<responseDate>2026-06-30T12:00:00Z</responseDate><request verb="ListRecords">https://oaipmh.arxiv.org/oai</request>
{content}
</OAI-PMH>""".encode()


def entry(  # noqa: PLR0913 - as many as it has facts
    number: int = 1,
    *,
    submitted: str = "2026-06-29T15:00:00Z",
    version: int = 1,
    id: str = "",  # noqa: A002 - the element's name
    title: str = "",
    summary: str = "We study one thing.",
    categories: Iterable[str] = ("cs.LG", "stat.ML"),
    primary: str = "cs.LG",
    more: str = "",
) -> str:
    """One result of the query API, in the order of elements of 2026."""
    name = f"{id or f'2606.{number:05}'}v{version}"
    terms = "".join(f'<category term="{term}" scheme="http://arxiv.org/schemas/atom"/>' for term in categories)
    return f"""<entry>
    <id>http://arxiv.org/abs/{name}</id>
    <title>{title or f"Paper {number}"}</title>
    <updated>{submitted}</updated>
    <link href="https://arxiv.org/abs/{name}" rel="alternate" type="text/html"/>
    <summary>{summary}</summary>
    {terms}
    <published>{submitted}</published>{more}
    <arxiv:primary_category term="{primary}"/>
    <author><name>Ada Lovelace</name><arxiv:affiliation>London</arxiv:affiliation></author>
    <author><name>Alan Turing</name></author>
  </entry>"""


def results(*entries: str, total: int | None = None, start: int = 0) -> bytes:
    """A page of the query API."""
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" \
xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/x</id>
  <title>arXiv Query: search_query=cat:cs.LG</title>
  <updated>2026-06-30T00:00:00Z</updated>
  <opensearch:itemsPerPage>{len(entries)}</opensearch:itemsPerPage>
  <opensearch:totalResults>{len(entries) if total is None else total}</opensearch:totalResults>
  <opensearch:startIndex>{start}</opensearch:startIndex>
  {"".join(entries)}
</feed>
""".encode()


def api_error(why: str) -> bytes:
    """What the query API says of a query that it does not understand."""
    return results(
        f"""<entry><id>https://arxiv.org/api/errors#{why.replace(" ", "_")}</id><title>Error</title>
    <summary>{why}</summary><author><name>arXiv api core</name></author></entry>"""
    )
