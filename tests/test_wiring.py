"""What a configuration names is what a newsletter has."""

from pathlib import Path

from digestmail.config import load_config
from digestmail.enrichers.openalex import OpenAlexEnricher
from digestmail.enrichers.semantic_scholar import SemanticScholarEnricher
from digestmail.sources.biorxiv import BiorxivSource
from digestmail.sources.huggingface import HuggingFaceSource
from digestmail.wiring import open_newsletter

CONFIG = """\
newsletter: {name: Papers, from: papers@example.org}
sources:
  - {kind: huggingface, days: 3}
  - {kind: biorxiv}
  - {kind: biorxiv, server: medrxiv, categories: [cardiovascular medicine], name: hearts}
enrichment:
  - {kind: semantic_scholar, api_key: abc}
  - {kind: openalex}
"""


def test_sources_and_indexes_are_put_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    with open_newsletter(load_config(tmp_path / "config.yaml", {})) as newsletter:
        assert [(type(one), one.name) for one in newsletter.sources] == [
            (HuggingFaceSource, "huggingface"),
            (BiorxivSource, "biorxiv"),
            (BiorxivSource, "hearts"),
        ]
        assert [type(one) for one in newsletter.enrichers] == [SemanticScholarEnricher, OpenAlexEnricher]
