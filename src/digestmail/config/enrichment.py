"""The sections about indexes of publications.

The descriptions are the words of the reference documentation and of the editors' JSON Schema.
"""

from typing import Literal

from pydantic import Field, SecretStr

from digestmail.config.fields import Section


class OpenAlexSettings(Section):
    """An open index of everything that has a DOI."""

    kind: Literal["openalex"] = Field(description="`openalex`: asks OpenAlex by DOI, that of arXiv included.")
    api_key: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="A free key of openalex.org, best as `${OPENALEX_KEY}`. Without one, 100 requests of 50 papers a "
        "day are answered.",
    )


class SemanticScholarSettings(Section):
    """An index that knows arXiv ids, and where their papers were published."""

    kind: Literal["semantic_scholar"] = Field(
        description="`semantic_scholar`: asks Semantic Scholar by arXiv id or DOI."
    )
    api_key: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="A key of semanticscholar.org, best as `${SEMANTIC_SCHOLAR_KEY}`. Without one, it is often too "
        "busy to answer.",
    )


EnricherSettings = OpenAlexSettings | SemanticScholarSettings

#: what ``kind`` may be
ENRICHER_KINDS: dict[str, type[Section]] = {"openalex": OpenAlexSettings, "semantic_scholar": SemanticScholarSettings}
