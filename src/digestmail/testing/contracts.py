"""What every source promises (`digestmail.protocols.Source`), as tests for pytest to run over yours.

::

    class TestMine(SourceContract):
        @pytest.fixture
        def case(self, tmp_path): return SourceCase(whole=..., flawed=..., garbage=..., missing=..., titles=[...])
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Inquiry, Paper, SkippedEntry
from digestmail.protocols import Entry, Source

_KINDS = ("arxiv", "doi", "url", "title")


@dataclass(frozen=True)
class SourceCase:
    """One implementation in the states that the promises are about."""

    #: gives papers of these titles, in this order
    whole: Source
    titles: Sequence[str]
    #: gives the same, with one entry that cannot be read between good ones
    flawed: Source
    #: is answered something else than its format
    garbage: Source
    #: is not answered at all
    missing: Source
    #: when they are asked
    now: datetime = datetime(2026, 7, 1, 12, tzinfo=UTC)

    def entries(self, source: Source) -> list[Entry]:
        """What a source says."""
        return list(source.fetch(Inquiry(self.now)))

    def papers(self, source: Source) -> list[Paper]:
        """Each paper once: repeats are harmless."""
        found = [entry for entry in self.entries(source) if isinstance(entry, Paper)]
        return list({paper.key: paper for paper in found}.values())

    def error(self, source: Source) -> SourceError | None:
        """What a source raises."""
        try:
            self.entries(source)
        except SourceError as error:
            return error
        return None


class SourceContract:
    """The promises; a class of your tests inherits them and has a fixture ``case`` that returns a SourceCase."""

    def test_papers_have_a_key_a_title_and_the_name_of_their_source(self, case: SourceCase) -> None:
        papers = case.papers(case.whole)
        assert [paper.title for paper in papers] == list(case.titles)
        for paper in papers:
            assert paper.key.partition(":")[0] in _KINDS
            assert paper.source == case.whole.name != ""

    def test_a_whole_source_skips_nothing(self, case: SourceCase) -> None:
        assert [entry for entry in case.entries(case.whole) if isinstance(entry, SkippedEntry)] == []

    def test_text_comes_in_clean_and_links_lead_to_the_web(self, case: SourceCase) -> None:
        for paper in case.papers(case.whole):
            for text in (paper.title, paper.abstract, *paper.authors):
                assert text == " ".join(text.split())
                assert "\u200b" not in text
            for link in (paper.url, paper.code_url, paper.project_url):
                assert link is None or link.startswith(("https://", "http://"))

    def test_the_corpus_does_not_have_the_paper_yet(self, case: SourceCase) -> None:
        for paper in case.papers(case.whole):
            assert paper.first_seen is None
            assert not paper.sample

    def test_fetching_twice_gives_the_same(self, case: SourceCase) -> None:
        assert case.entries(case.flawed) == case.entries(case.flawed)

    def test_a_broken_entry_is_named_and_costs_the_others_nothing(self, case: SourceCase) -> None:
        assert [paper.title for paper in case.papers(case.flawed)] == list(case.titles)
        skipped = [entry for entry in case.entries(case.flawed) if isinstance(entry, SkippedEntry)]
        assert skipped
        assert all(entry.where and entry.why and "\n" not in str(entry) for entry in skipped)

    def test_a_source_that_is_not_there_says_so_in_one_line(self, case: SourceCase) -> None:
        error = case.error(case.missing)
        assert isinstance(error, SourceUnavailable)
        assert error.source == case.missing.name
        assert "\n" not in str(error)

    def test_garbage_is_an_error_and_no_quiet_day(self, case: SourceCase) -> None:
        error = case.error(case.garbage)
        assert isinstance(error, SourceFormatError)
        assert error.source == case.garbage.name
        assert "\n" not in str(error)

    def test_nothing_is_read_before_someone_asks(self, case: SourceCase) -> None:
        asked = case.missing.fetch(Inquiry(case.now))
        assert case.missing.name
        assert iter(asked) is asked
