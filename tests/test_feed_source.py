"""Feeds: the shapes of journals, preprint servers and blogs, and what goes wrong with them.

The documents are written by hand; ids, names and the order of elements are as the sites have them.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from builders import asked
from builders import read as read_from
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.model import Paper, SkippedEntry, Validators
from digestmail.sources.feed.facts import Document, dump, load
from digestmail.sources.feed.guard import read_guarded
from digestmail.sources.feed.markup import plain
from digestmail.sources.feed.papers import papers
from digestmail.sources.feed.reading import NoFeedError
from digestmail.sources.feed.reading import read as read_feed
from digestmail.sources.feed.source import FeedSource
from digestmail.sources.fetching import PoliteClient
from digestmail.storage.store import Store
from digestmail.text.identity import title_key
from replay import ReplayServer, Reply

TODAY = date(2026, 7, 1)
BASE = "https://feeds.example.org/all/rss.xml"

BIORXIV = """<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:admin="http://webns.net/mvcb/" xmlns="http://purl.org/rss/1.0/"
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:prism="http://purl.org/rss/1.0/modules/prism/"
  xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://connect.biorxiv.org"><title>bioRxiv Subject Collection: Neuroscience</title>
<link>https://connect.biorxiv.org</link>
<items><rdf:Seq><rdf:li rdf:resource="https://www.biorxiv.org/content/10.64898/2026.06.22.733686v1?rss=1"/></rdf:Seq></items>
</channel>
<item rdf:about="https://www.biorxiv.org/content/10.64898/2026.06.22.733686v1?rss=1">
<title><![CDATA[
A map of small circuits <i>in vivo</i>
]]></title>
<link>https://www.biorxiv.org/content/10.64898/2026.06.22.733686v1?rss=1</link>
<description><![CDATA[
We map circuits of 10<sup>5</sup> cells where p &lt; 0.05.
]]></description>
<dc:creator><![CDATA[ Smith, J., Doe, A. B., Ng, K. ]]></dc:creator>
<dc:date>2026-6-30</dc:date>
<dc:identifier>doi:10.64898/2026.06.22.733686</dc:identifier>
<dc:title><![CDATA[A map of small circuits in vivo]]></dc:title>
<dc:publisher>Cold Spring Harbor Laboratory</dc:publisher>
<prism:publicationDate>2026-06-30</prism:publicationDate>
<prism:section></prism:section>
</item></rdf:RDF>"""

NATURE = """<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="http://feeds.nature.com/nature/rss/current"><title>Nature</title><link>http://feeds.nature.com/</link></channel>
<item rdf:about="https://www.nature.com/articles/s41586-026-00001-2">
<title><![CDATA[Learning in small models]]></title>
<link>https://www.nature.com/articles/s41586-026-00001-2</link>
<content:encoded><![CDATA[<p>Nature, Published online: 30 June 2026;
<a href="https://www.nature.com/articles/s41586-026-00001-2">doi:10.1038/s41586-026-00001-2</a></p>
Small models learn what they are shown.]]></content:encoded>
<dc:title><![CDATA[Learning in small models]]></dc:title>
<dc:creator>Ada Lovelace</dc:creator><dc:creator>Alan Turing</dc:creator>
<dc:identifier>doi:10.1038/s41586-026-00001-2</dc:identifier>
<dc:source>Nature, Published online: 2026-06-30; | doi:10.1038/s41586-026-00001-2</dc:source>
<dc:date>2026-06-30</dc:date>
<prism:publicationName>Nature</prism:publicationName>
<prism:doi>10.1038/s41586-026-00001-2</prism:doi>
<prism:url>https://www.nature.com/articles/s41586-026-00001-2</prism:url>
</item></rdf:RDF>"""

ARXIV = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">
<id>http://rss.arxiv.org/atom/cs.LG</id><title>cs.LG updates on arXiv.org</title>
<link href="http://rss.arxiv.org/atom/cs.LG" rel="self" type="application/atom+xml"/>
<entry><id>oai:arXiv.org:2606.01234v2</id><title>Attention \\&amp; $\\ell_1$ norms</title>
<updated>2026-06-30T04:00:00+00:00</updated>
<link href="https://arxiv.org/abs/2606.01234" rel="alternate" type="text/html"/>
<summary>arXiv:2606.01234v2 Announce Type: new
Abstract: We look at norms.</summary>
<category term="cs.LG"/><category term="stat.ML"/><published>2026-06-29T04:00:00+00:00</published>
<arxiv:announce_type>new</arxiv:announce_type><arxiv:DOI>10.1000/Norms</arxiv:DOI>
<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">Ada Lovelace (London, UK), Andr\\'e Weil</dc:creator>
</entry></feed>"""

WORDPRESS = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
  xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>A Lab's Blog</title><link>https://blog.example.org</link>
<item><title>Why sparse models win &#8211; sometimes</title>
<link>https://blog.example.org/2026/06/sparse/?utm_source=rss&#038;utm_medium=rss&#038;utm_campaign=sparse</link>
<dc:creator><![CDATA[Grace Hopper]]></dc:creator><pubDate>Tue, 30 Jun 2026 23:30:00 -0400</pubDate>
<category><![CDATA[Machine Learning]]></category><guid isPermaLink="false">https://blog.example.org/?p=42</guid>
<description><![CDATA[<p>Sparse models win when [&#8230;]</p>
<p>The post <a href="x">Why sparse models win</a> appeared first on <a href="y">A Lab's Blog</a>.</p>]]></description>
<content:encoded><![CDATA[<h2>Sparse</h2><p>Sparse models win when data is <b>short</b>.</p><script>track()</script>
<p>The post <a href="x">Why sparse models win</a> appeared first on <a href="y">A Lab's Blog</a>.</p>]]>
</content:encoded>
</item></channel></rss>"""

JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Notes",
    "home_page_url": "https://notes.example.org/",
    "items": [
        {
            "id": "7",
            "url": "/notes/7",
            "title": "Quantization for All",
            "content_html": "<p>Four bits are&nbsp;enough.</p>",
            "summary": "Four bits …",
            "date_published": "2026-06-30T10:00:00Z",
            "authors": [{"name": "Ada Lovelace"}, {"name": "Alan Turing", "url": "https://example.org"}, {"url": "x"}],
            "tags": ["quantization", 7],
        },
        {"id": "8", "external_url": "https://arxiv.org/abs/2606.00008v1", "title": "Old", "author": {"name": "B Li"}},
    ],
}


def rss(*items: str, head: str = "") -> str:
    """A whole RSS 2.0 feed of these items."""
    return f'<rss version="2.0"><channel><title>F</title>{head}{"".join(map(item, items))}</channel></rss>'


def item(inside: str) -> str:
    return f"<item>{inside}</item>"


def entries_of(body: str | bytes, today: date = TODAY) -> list[Paper | SkippedEntry]:
    """What a feed says, read in this process."""
    document = read_feed(body.encode() if isinstance(body, str) else body, BASE)
    assert load([line.encode() for line in dump(document)]) == document
    return list(papers(document, "feed", today))


def papers_of(body: str | bytes, today: date = TODAY) -> list[Paper]:
    found = entries_of(body, today)
    assert all(isinstance(entry, Paper) for entry in found), found
    return [entry for entry in found if isinstance(entry, Paper)]


def one(*inside: str) -> Paper:
    """The paper of a feed whose only item holds this."""
    (paper,) = papers_of(rss("".join(inside)))
    return paper


# The shapes of real feeds


def test_biorxiv_is_rdf_with_dois_in_links_and_initials_behind_names() -> None:
    (paper,) = papers_of(BIORXIV)
    assert paper == Paper(
        key="doi:10.64898/2026.06.22.733686",
        title="A map of small circuits in vivo",
        abstract="We map circuits of 10$^{5}$ cells where p < 0.05.",
        authors=("J. Smith", "A. B. Doe", "K. Ng"),
        doi="10.64898/2026.06.22.733686",
        published=date(2026, 6, 30),
        url="https://www.biorxiv.org/content/10.64898/2026.06.22.733686v1?rss=1",
        source="feed",
    )


def test_nature_tells_its_dois_in_fields_of_their_own() -> None:
    (paper,) = papers_of(NATURE)
    assert (paper.key, paper.doi) == ("doi:10.1038/s41586-026-00001-2", "10.1038/s41586-026-00001-2")
    assert (paper.abstract, paper.venue) == ("Small models learn what they are shown.", "Nature")
    assert paper.authors == ("Ada Lovelace", "Alan Turing")
    assert paper.published == date(2026, 6, 30)


def test_arxiv_is_known_by_its_ids_whatever_dois_it_tells() -> None:
    (paper,) = papers_of(ARXIV)
    assert (paper.key, paper.doi) == ("arxiv:2606.01234", "10.1000/norms")
    assert (paper.title, paper.abstract) == ("Attention \\& $\\ell_1$ norms", "We look at norms.")
    assert paper.authors == ("Ada Lovelace", "Andr\\'e Weil")
    assert paper.categories == ("cs.LG", "stat.ML")
    assert (paper.published, paper.url) == (date(2026, 6, 29), "https://arxiv.org/abs/2606.01234")


def test_a_blog_is_known_by_its_links_and_has_its_text_instead_of_a_teaser() -> None:
    (paper,) = papers_of(WORDPRESS)
    assert paper.key == "url:blog.example.org/2026/06/sparse"
    assert paper.title == "Why sparse models win – sometimes"
    assert paper.abstract == "Sparse Sparse models win when data is short."
    assert (paper.authors, paper.categories) == (("Grace Hopper",), ("Machine Learning",))
    assert paper.published == date(2026, 7, 1)


def test_json_feed_is_read_in_both_its_versions() -> None:
    first, second = papers_of(json.dumps(JSON_FEED))
    assert (first.key, first.url) == ("url:feeds.example.org/notes/7", "https://feeds.example.org/notes/7")
    assert (first.abstract, first.authors) == ("Four bits are enough.", ("Ada Lovelace", "Alan Turing"))
    assert (first.published, first.categories) == (date(2026, 6, 30), ("quantization",))
    assert (second.key, second.authors) == ("arxiv:2606.00008", ("B Li",))


def test_rss_0_91_may_have_the_document_type_that_it_must_have() -> None:
    doctype = '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">'
    channel = f"<channel>{item('<title>Caf&eacute; A</title>')}</channel>"
    body = f'<?xml version="1.0"?>\n{doctype}\n<rss version="0.91">{channel}</rss>'
    (paper,) = papers_of(body)
    assert paper.title == "Café A"


def test_real_arxiv_feeds_are_read_whole(shared_data: Callable[[str], Path]) -> None:
    files = [path for path in sorted(shared_data("arxiv_rss").iterdir()) if path.suffix in (".xml", ".rss", ".atom")]
    assert files
    for path in files:
        body = path.read_bytes()
        found = papers_of(body, date(2026, 12, 31))
        assert len(found) == body.count(b"</item>") + body.count(b"</entry>") > 0
        assert all(paper.arxiv_id and paper.abstract and paper.authors and paper.published for paper in found)
        assert not any(paper.abstract.startswith("arXiv:") for paper in found)


def test_real_answers_of_the_arxiv_api_are_read_whole(shared_data: Callable[[str], Path]) -> None:
    body = (shared_data("arxiv_api") / "q_testing_s0_m10_bc5a6c384fe9.xml").read_bytes()
    found = papers_of(body)
    assert len(found) == body.count(b"</entry>") == 10
    assert all(paper.arxiv_id and paper.abstract and paper.authors and paper.published for paper in found)


# Which work is it


@pytest.mark.parametrize(
    ("inside", "key"),
    [
        ("<link>https://arxiv.org/abs/2606.01234v3</link>", "arxiv:2606.01234"),
        ('<guid isPermaLink="false">oai:arXiv.org:math.GT/0309136v1</guid>', "arxiv:math/0309136"),
        ("<link>https://doi.org/10.48550/arXiv.2606.01234</link>", "arxiv:2606.01234"),
        ("<link>https://huggingface.co/papers/2606.01234</link>", "arxiv:2606.01234"),
        ("<link>https://onlinelibrary.wiley.com/doi/abs/10.1002/adma.20?af=R</link>", "doi:10.1002/adma.20"),
        (
            "<link>https://journals.plos.org/p/article?id=10.1371/journal.p.03&amp;x=1</link>",
            "doi:10.1371/journal.p.03",
        ),
        ("<link>https://www.frontiersin.org/articles/10.3389/fnins.2026.1/full</link>", "doi:10.3389/fnins.2026.1"),
        ("<link>https://www.biorxiv.org/content/10.1101/2026.01.02.3v2.full</link>", "doi:10.1101/2026.01.02.3"),
        ("<link>https://x.org/doi/10.1000%2Fabc</link>", "doi:10.1000/abc"),
        ("<link>https://x.org/a</link><guid>2026.12345</guid>", "url:x.org/a"),
        ("<guid>https://x.org/a?p=7</guid>", "url:x.org/a?p=7"),
        ('<link>/a</link><guid isPermaLink="false">tag:x.org,2026:7</guid>', "url:feeds.example.org/a"),
        ("<link>javascript:alert(1)</link>", title_key("T")),
        ("<link>https://x.org/</link>", title_key("T")),
        (
            "<description>As arXiv:2606.01234 and 10.1000/abc say.</description><link>https://x.org/a</link>",
            "url:x.org/a",
        ),
        ('<guid isPermaLink="false">urn:uuid:1225c695</guid>', title_key("T")),
    ],
)
def test_a_work_is_known_by_the_best_that_its_fields_tell(inside: str, key: str) -> None:
    assert one("<title>T</title>", inside).key == key


def test_links_that_entries_share_are_nobody_s() -> None:
    home = "<link>https://x.org/news</link>"
    found = papers_of(rss(f"<title>A</title>{home}", f"<title>B</title>{home}", head=""))
    assert [paper.key for paper in found] == [title_key("A"), title_key("B")]
    (paper,) = papers_of(rss(f"<title>A</title>{home}", head=home))
    assert (paper.key, paper.url) == (title_key("A"), "https://x.org/news")


def test_a_changed_title_and_a_changed_guid_are_the_same_work(store: Store) -> None:
    first = one("<title>First title</title><link>https://x.org/a</link><guid>1</guid>")
    second = one("<title>Another title</title><link>http://x.org/a/?utm_source=rss</link><guid>2</guid>")
    now = asked(TODAY).now
    assert store.corpus.add([first], now) == 1
    assert store.corpus.add([second], now) == 0


def test_two_posts_of_one_title_and_author_stay_two(store: Store) -> None:
    words = "<title>This week in machine learning</title><author>Jane Doe</author>"
    posts = papers_of(rss(f"{words}<link>https://x.org/27</link>", f"{words}<link>https://x.org/28</link>"))
    assert store.corpus.add(posts, asked(TODAY).now) == 2


# What entries say


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("plain", "plain"),
        ("<![CDATA[<p>One</p><p>two</p>]]>", "One two"),
        ("&lt;p&gt;One &amp;amp; two&lt;/p&gt;", "One & two"),
        ("&amp;lt;p&amp;gt;One &amp;amp;lt; two&amp;lt;/p&amp;gt;", "One < two"),
        ("<![CDATA[a<b and c>d]]>", "a<b and c>d"),
        ("<![CDATA[f(x)<g(x)>0]]>", "f(x)<g(x)>0"),
        ("<![CDATA[CO<sub>2</sub> and <jats:italic>E. coli</jats:italic>]]>", "CO$_{2}$ and E. coli"),
        ('<![CDATA[A<br/>B<img src="x" alt=">"/> C<!-- no -->]]>', "A B C"),
        ("<![CDATA[One<style>p {}</style><script>alert('<p>')</script>]]>", "One"),
        ("Schr&#246;dinger&#8217;s &quot;cat&quot;", 'Schrödinger’s "cat"'),
        ("zero\u200bwidth\u202e and\n  breaks", "zerowidth and breaks"),
    ],
)
def test_markup_becomes_text_however_often_it_is_escaped(written: str, text: str) -> None:
    assert one(f"<title>T</title><description>{written}</description>").abstract == text


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["<", ">", "p", " ", "b", "=", '"', "/", "sup", "&lt;", "x"])).map("".join)
)
def test_any_markup_becomes_text(text: str) -> None:
    plain(text)


@given(st.text(st.characters(exclude_characters="<&$", exclude_categories=["Cs"]), max_size=60))
def test_text_without_markup_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("inside", "published"),
    [
        ("<pubDate>Tue, 30 Jun 2026 23:30:00 -0400</pubDate>", date(2026, 7, 1)),
        ("<pubDate>2026-6-3</pubDate>", date(2026, 6, 3)),
        ("<pubDate>Thu, 01 Jan 1970 00:00:00 GMT</pubDate>", None),
        ("<pubDate>Fri, 01 Jan 2100 00:00:00 GMT</pubDate>", None),
        ("<pubDate>soon</pubDate>", None),
        ("", None),
        ('<prism:coverDate xmlns:prism="x">2026-06-01</prism:coverDate>', date(2026, 6, 1)),
    ],
)
def test_days_are_days_and_those_that_cannot_be_are_left_out(inside: str, published: date | None) -> None:
    assert one("<title>T</title>", inside).published == published


@pytest.mark.parametrize(
    ("inside", "authors"),
    [
        ("<author>jane@x.org (Jane Doe)</author>", ("Jane Doe",)),
        ("<author>jane@x.org</author>", ()),
        (
            '<c:creator xmlns:c="http://purl.org/dc/elements/1.1/">A Bee, C Dee and E Eff</c:creator>',
            ("A Bee", "C Dee", "E Eff"),
        ),
        ("<author>Jane Doe</author><author>Bo Li</author>", ("Jane Doe", "Bo Li")),
    ],
)
def test_authors_are_names(inside: str, authors: tuple[str, ...]) -> None:
    assert one("<title>T</title>", inside).authors == authors


def test_an_entry_without_a_title_is_skipped_and_named() -> None:
    first, bad, last = entries_of(rss("<title>A</title>", "<link>https://x.org/b</link>", "<title>C</title>"))
    assert isinstance(first, Paper)
    assert isinstance(last, Paper)
    assert bad == SkippedEntry("entry 2 (https://x.org/b)", "no title")


# Feeds that are broken, cut or something else


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the answer is empty"),
        (b" \n", "the answer is empty"),
        (b"\0\0", "the answer is empty"),
        (b"<!DOCTYPE html><html><body>Busy</body></html>", "an HTML page"),
        (b"<html><item><title>A</title></item></html>", "an HTML page"),
        (
            b'<?xml version="1.0"?><!-- x --><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x"><html/>',
            "an HTML page",
        ),
        (b"<xml/>", "not a feed"),
        (b"hello", "not a feed"),
        (b"/etc/passwd", "not a feed"),
        (b"http://127.0.0.1:1/", "not a feed"),
        (b"{}", "JSON without 'items'"),
        (b'{"items": {}}', "JSON without 'items'"),
        (b'{"a": ' * 100_000, "JSON nested too deeply"),
        (b"{junk", "not JSON"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><rss version="2.0"/>', "declares entities"),
        (
            '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss version="2.0"/>'.encode("utf-16"),
            "declares entities",
        ),
        (b'<!DOCTYPE r SYSTEM "x.dtd" [ %a; ]><rss version="2.0"/>', "declares entities"),
    ],
)
def test_what_is_no_feed_is_said_to_be_none(body: bytes, why: str) -> None:
    with pytest.raises(NoFeedError, match=why):
        read_feed(body, BASE)


def test_a_feed_without_entries_is_a_quiet_day() -> None:
    assert read_feed(rss().encode(), BASE) == Document("", cut=False, records=[])


@pytest.mark.parametrize(
    "broken",
    [
        rss("<title>A & B</title>", "<title>C</title>"),
        rss("<title>A &amp; B</title><x:y>z</x:y>", "<title>C</title>"),
        rss("<title>A &amp;amp; B</title><description><p>open</description>", "<title>C</title>"),
        rss("<title>A &#0;&amp; B</title>", "<title>\x01C\x0c</title>"),
        rss("<title>A &amp; B</title>", "<title>C</title>") + "<script>1</script>",
        "\ufeff \n" + rss("<title>A &amp; B</title>", "<title>C</title>"),
        '<?xml version="1.0" encoding="klingon"?>' + rss("<title>A &amp; B</title>", "<title>C</title>"),
    ],
)
def test_broken_xml_costs_no_entry(broken: str) -> None:
    assert [paper.title for paper in papers_of(broken)] == ["A & B", "C"]


CUT = rss(
    "<title>First</title><description><![CDATA[Not the end: </item><item>]]></description>",
    "<title>Second</title><link>https://x.org/2</link>",
    "<title>Third</title>",
)


@pytest.mark.parametrize("place", range(1, len(CUT) - len("</rss>") + 1))
def test_a_feed_that_breaks_off_anywhere_gives_its_whole_entries_and_no_half_ones(place: int) -> None:
    ends = [
        CUT.index(f"</item>{after}") + len("</item>") for after in ("<item><title>Sec", "<item><title>Th", "</chan")
    ]
    whole = sum(place >= end for end in ends)
    try:
        document = read_feed(CUT[:place].encode(), BASE)
    except NoFeedError:
        assert not whole
    else:
        assert [record.title for record in document.records] == ["First", "Second", "Third"][:whole]
        assert document.cut


def test_a_json_feed_that_breaks_off_gives_its_whole_items() -> None:
    text = json.dumps(JSON_FEED)
    document = read_feed(text[: text.index('"Old"')].encode(), BASE)
    assert ([record.id for record in document.records], document.cut) == (["7"], True)


def test_a_cut_feed_is_told() -> None:
    assert entries_of(CUT[: CUT.index("<title>Third")])[2] == SkippedEntry(
        "after entry 2", "the feed breaks off: what follows is not known"
    )


documents = st.sampled_from([BIORXIV, NATURE, ARXIV, WORDPRESS, CUT, json.dumps(JSON_FEED)]).map(str.encode)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A feed with some pieces taken out, put in or swapped."""
    body = draw(documents)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 30)))
        piece = draw(
            st.binary(max_size=8) | st.sampled_from([b"<item>", b"]]>", b"<![CDATA[", b"&#xD800;", b"<!--", b"]", b'"'])
        )
        body = body[:start] + piece + body[end:]
    return body


@given(mangled() | st.binary(max_size=60))
@example(BIORXIV.replace('xmlns:rdf="http', 'xmlns:rdf="h\xa0ttp').encode())
def test_any_bytes_give_entries_or_say_why_not(body: bytes) -> None:
    try:
        found = entries_of(body)
    except NoFeedError as error:
        assert str(error)  # noqa: PT017 - no error is as good as one
    else:
        for entry in found:
            (entry.title + entry.abstract + entry.key if isinstance(entry, Paper) else str(entry)).encode()


junk = st.text(max_size=30) | st.lists(
    st.sampled_from(["&", "&amp", "&#0;", ">", "]]>", "'", '"', "< ", "\0", "=", "x"])
).map("".join)


@given(junk.filter(lambda text: "<" not in text.replace("< ", "")))
def test_text_that_is_no_xml_costs_at_most_its_own_entry(text: str) -> None:
    body = rss("<title>First</title>", f"<title>{text}</title>", "<title>Third</title>").encode("utf-8", "replace")
    titles = [entry.title for entry in entries_of(body) if isinstance(entry, Paper)]
    assert (titles[0], titles[-1]) == ("First", "Third")


# The process that reads


def test_a_feed_that_takes_too_long_is_given_up() -> None:
    author = "a@a" + "." * 400_000
    with pytest.raises(SourceFormatError, match=r"^f: the feed takes more than 10 s to read: given up$"):
        read_guarded(rss(f"<title>T</title><author>{author}</author>").encode(), BASE, "f")


def test_a_feed_that_takes_too_much_memory_is_given_up() -> None:
    body = json.dumps({"items": [{"title": "T", "tags": [[]] * 6_500_000}]}).encode()
    with pytest.raises(SourceFormatError, match=r"^f: the feed takes more than 512 MB to read: given up$"):
        read_guarded(body, BASE, "f")


def test_the_wall_clock_holds_as_well() -> None:
    with pytest.raises(SourceFormatError, match=r"^f: the feed was not read within 0 s: given up$"):
        read_guarded(rss().encode(), BASE, "f", wall=0.001)


def test_the_process_says_the_same_as_this_one() -> None:
    for body in (BIORXIV, NATURE, ARXIV, WORDPRESS, json.dumps(JSON_FEED), rss("<title>&#xD800;A\ud83d</title>")):
        content = body.encode("utf-8", "replace")
        assert read_guarded(content, BASE, "f") == read_feed(content, BASE)


# Over HTTP


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        yield server


@pytest.fixture
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as client:
        yield client


def test_a_feed_that_has_not_changed_is_not_sent_again(server: ReplayServer, client: PoliteClient) -> None:
    url = server.on("/rss", Reply(WORDPRESS.encode(), etag='"1"', last_modified="Tue, 30 Jun 2026 10:00:00 GMT"))
    source = FeedSource(client, url)
    *_, state = source.fetch(asked(TODAY))
    assert state == Validators(url, '"1"', "Tue, 30 Jun 2026 10:00:00 GMT")
    assert list(source.fetch(asked(TODAY, validators={url: state}))) == []
    assert server.asked[-1].headers["If-None-Match"] == '"1"'


def test_a_feed_that_breaks_off_is_asked_for_again(server: ReplayServer, client: PoliteClient) -> None:
    url = server.on("/rss", Reply(CUT[: CUT.index("<title>Third")].encode(), etag='"1"'))
    first, second, cut = FeedSource(client, url).fetch(asked(TODAY))
    assert [type(first), type(second), type(cut)] == [Paper, Paper, SkippedEntry]


def test_links_are_relative_to_the_address_of_the_feed(server: ReplayServer, client: PoliteClient) -> None:
    url = server.on("/all/rss", rss("<title>T</title><link>../posts/1</link>"))
    (paper,) = read_from(FeedSource(client, url), TODAY)
    assert isinstance(paper, Paper)
    assert paper.url == server.url + "/posts/1"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(b"<html>404</html>", status=404), "404 Not Found"),
        (Reply(b"<!doctype html><title>Busy</title>"), "an HTML page instead of a feed"),
        (Reply(b""), "the answer is empty"),
        (
            Reply(rss("<link>https://x.org/a</link>").encode()),
            "no entry is a paper; entry 1 (https://x.org/a): no title",
        ),
        (
            Reply(CUT[: CUT.index("<title>First") + 10].encode()),
            "no entry is a paper; after entry 0: the feed breaks off",
        ),
    ],
)
def test_an_answer_that_holds_no_paper_is_no_quiet_day(
    server: ReplayServer, client: PoliteClient, reply: Reply, why: str
) -> None:
    with pytest.raises(SourceFormatError) as caught:
        list(FeedSource(client, server.on("/rss", reply), name="mine").fetch(asked(TODAY)))
    assert caught.value.why.startswith(why)
    assert str(caught.value).startswith("mine: ")


def test_a_server_that_is_down_is_unavailable(server: ReplayServer, client: PoliteClient) -> None:
    with pytest.raises(SourceUnavailable, match="503"):
        list(FeedSource(client, server.on("/rss", Reply(status=503))).fetch(asked(TODAY)))
