"""Issues that try a template: none, one and very many papers, long, foreign, mathematical and hostile words. Pure.

Everything in them is made up. They are ranked by the code that ranks real ones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from digestmail.model import (
    Change,
    ChangeKind,
    Gate,
    Issue,
    Keyword,
    Lull,
    MailingList,
    Pages,
    Paper,
    Profile,
    Quiet,
    Receipt,
    Subscriber,
)
from digestmail.ranking import Index
from digestmail.ranking.profile import parse_keywords, with_topic
from digestmail.rendering.language import languages
from digestmail.text.tex import to_text

UNSUBSCRIBE_URL = "mailto:papers@example.org?subject=unsubscribe"
PAGES = Pages(
    "https://papers.example.org/preferences/dGVzdA?name=a&value=b",
    "mailto:papers@example.org?subject=feedback%20dGVzdA&body=more%203%0D%0A",
    "https://papers.example.org/issue/dGVzdA?name=a&value=b",
)
#: where letters lead, and until when
LETTER_URL = "https://papers.example.org/c/" + "dGVzdA" * 20 + "?name=a&value=b"
LETTER_UNTIL = datetime(2026, 7, 2, 9, 5, tzinfo=UTC)
#: what 7*191 is, a number that stands nowhere else: in an issue it means that a paper's text was run as a template
COMPUTED = "1337"

_DAY = date(2026, 6, 30)
_NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
_LIST = MailingList(
    name="Daily Papers",
    sender_name="Daily Papers",
    sender_address="papers@example.org",
    base_url="https://papers.example.org",
)
_METHODS = ("Quantization", "Sparse attention", "Low-rank adaptation", "Distillation", "Speculative decoding")
_AIMS = ("long contexts", "small devices", "protein folding", "code review", "robot grasping", "weather maps", "speech")
_AUTHORS = ("Ada Ríos", "Chen Wei", "Nguyễn Thị Hoa", "Björn Åkesson", "Olu Adeyemi", "Priya Nair", "Zoë Müller")
_SENTENCES = (
    "{method} makes large models cheaper, yet how it fares on {aim} has hardly been studied.",
    "We measure {method} on {aim} over four model families and find that most of the loss comes from a few layers.",
    "From this we derive a rule that chooses the precision of each layer before training, at no extra cost.",
    "On nine benchmarks the rule keeps 99.2% of the accuracy at a third of the memory (R&D budget: $5 million).",
    "A closer look shows why: errors in early layers add up, whereas errors in late layers cancel.",
    "The same holds when data are scarce, when labels are noisy and when inputs are ten times longer than in training.",
    "We release code, models and all 1,204 runs, so that every figure in this paper can be made again.",
)
_HOSTILE = (
    '<script>alert("quantization")</script></mj-text><mj-raw><img src=x onerror=alert(1)>',
    "{{7*191}} {% raw %} {% endblock %} ${7*191} {#  quantization %(num)s",
    "Quantization\r\nBcc: everyone@example.org\r\n\r\n<!--[if mso]> --> ]]> </style></title></body></html>",
    "Quantization \u202eevil\u202c \u2066and\u2069 \u200bzero\u200b\ufeff width, a NUL \x00, a bell \x07, half \ud83d",
    '"><a href=\'javascript:alert(1)\' style="position:fixed">quantization</a> &lt;b&gt; &amp;amp; &#x3c;script&#x3e;',
    "=?utf-8?q?quantization?= =3D=0D=0A. -- \n.\nFrom here",
)
_TEX = (
    r"Tight $\ell_1$-Quantization in $\tilde{O}(n^{3/2}\log^2 n)$ Time for $\mathsf{TC}^0$ over $\mathbb{R}^d$",
    r"Quantization of $\mathcal{L}_{\mathrm{KL}}(p_\theta \,\|\, q)$ for $\epsilon \leq 10^{-6}$, $x_i^2+y_{i+1}^{k}$",
    r"Erd\H{o}s--R\'enyi quantization: $\frac{1}{2}\sum_{i=1}^{n} \|w_i\|_2^2$ at $5 million, 5% better, R&D's foo_bar",
    r"Unbalanced quantization: $x^{2 and \mathbf{\texttt{D}} \left( \frac{a}{b",
)
_RIGHT_TO_LEFT = (
    ("تكميم النماذج اللغوية الكبيرة (LLM quantization) بدقة 4-bit", "ندرس تكميم النماذج: quantization مع attention."),
    ("קוונטיזציה של מודלי שפה: quantization בארבע סיביות", "אנו בוחנים quantization של מודלי שפה גדולים."),
    ("کمّی‌سازی مدل‌های زبانی بزرگ با quantization", "در این مقاله quantization را بررسی می‌کنیم."),
)  # fmt: skip
_LONG_WORD = "Quantization" + "aware" * 20


@lru_cache(maxsize=1)
def extremes() -> Mapping[str, Issue]:
    """The issues by name."""
    many = [_paper(number) for number in range(40)]
    ten = many[:10]
    mine = parse_keywords(['"large models"^3', "quantization", "attention", "accuracy", "-survey"])
    topics = [with_topic("Smaller", "quantization"), with_topic("Longer", "attention^2"), "distillation"]
    return {
        "no papers": _issue([], mine),
        "one paper": _issue(many[:1], mine),
        "ten papers": _issue(ten, mine),
        "forty papers": _issue(many, mine),
        "topics": _issue(ten, parse_keywords(topics)),
        "by upvotes": _issue(ten, Profile()),
        "samples": _issue([replace(paper, sample=True) for paper in ten[:3]], mine),
        "published papers": _issue([*map(_published, ten)], mine),
        "bare papers": _issue([_bare(paper) for paper in ten], mine),
        "right to left": _issue([*_foreign(), *ten[:2]], mine),
        "long titles": _issue(_long(), mine),
        "TeX": _issue(_mathematical(), mine),
        "hostile": _hostile(),
        "news": replace(_issue(many[:12], mine), followups=tuple(_news(many[12:22]))),
        "news only": replace(_issue([], mine), followups=tuple(_news([many[12], *_foreign()]))),
        "hostile news": replace(_hostile(), followups=tuple(_hostile_news())),
        "a quiet day": replace(_issue([], mine), lull=_lull(many[:2])),
        "a hostile quiet day": replace(_issue([], mine), lull=_lull([ranked.paper for ranked in _hostile().papers])),
        **{f"in {code}": _issue(ten, mine, language=code) for code in ("de", "fr", "es", "zh")},
    }


def extreme_letters() -> Iterator[tuple[str, MailingList, str]]:
    """What is hard about each, whose letter it is, and its language."""
    for code in languages():
        yield f"in {code}", _LIST, code
    names = {"hostile": f"{_HOSTILE[0]} {_HOSTILE[1]}", "foreign": _RIGHT_TO_LEFT[0][0], "long": "Daily " * 40}
    for told, name in {**names, "long word": _LONG_WORD}.items():
        yield told, replace(_LIST, name=name), "en"


def _issue(papers: Iterable[Paper], profile: Profile, *, language: str | None = None) -> Issue:
    found = list(papers)
    index = Index(found)
    ranked = index.best(replace(profile, gate=Gate.WIDE), max(len(found), 1)) if found else ()
    reader = Subscriber(
        uid="reader",
        email="reader@example.org",
        profile=profile,
        created_at=_NOON - timedelta(days=9),
        language=language,
    )
    weighed = len(ranked) + 1204
    return Issue(
        mailing_list=_LIST,
        subscriber=reader,
        slot=_DAY,
        papers=ranked,
        receipt=Receipt(candidates=weighed, matched=len(ranked) + 9, excluded=2, shown=len(ranked)),
        composed_at=_NOON,
    )


def _paper(number: int) -> Paper:
    method, aim = _METHODS[number % len(_METHODS)], _AIMS[number % len(_AIMS)]
    names = tuple(_AUTHORS[(number + place) % len(_AUTHORS)] for place in range(1 + number % 6))
    arxiv_id = f"2606.{number:05}"
    return Paper(
        key=f"arxiv:{arxiv_id}",
        title=f"{method} for {aim.title()}: What {number + 2} Large Models Forget, and Why",
        abstract=" ".join(_SENTENCES).format(method=method, aim=aim),
        authors=names,
        author_count=len(names) + number % 3,
        categories=("cs.LG", "cs.CL", "stat.ML")[: 1 + number % 3],
        published=_DAY - timedelta(days=number % 4),
        upvotes=240 - 6 * number,
        comments=number % 5,
        url=f"https://arxiv.org/abs/{arxiv_id}",
        code_url=f"https://github.com/example/project-{number}" if number % 2 else None,
        project_url=f"https://example.org/{number}/" if number % 3 == 0 else None,
        first_seen=_NOON,
    )


def _published(paper: Paper) -> Paper:
    """As an index of publications knows it."""
    number = paper.key[-5:]
    return replace(
        paper,
        key=f"doi:10.1101/{number}" if paper.comments else f"doi:10.1234/{number}",
        doi=f"10.1234/{number}",
        venue=f"Journal of {paper.title}" if paper.comments else "Nature",
        citations=17 * int(number),
        open_access_url=f"https://repository.example.org/{number}.pdf?x=1&y=2",
    )


def _bare(paper: Paper) -> Paper:
    """As little as a source may know of a paper."""
    return Paper(key=f"title:{paper.key[-5:]}", title=paper.title, author_count=3, upvotes=0, comments=0)


def _foreign() -> list[Paper]:
    return [
        replace(_paper(50 + number), title=title, abstract=abstract, authors=("محمد علي", "דנה לוי"), organization=None)
        for number, (title, abstract) in enumerate(_RIGHT_TO_LEFT)
    ]


def _long() -> list[Paper]:
    sentence = (
        "Quantization of Very Large Models under Severe Constraints on Memory, Power and Patience, with a Note on "
    )
    titles = ((sentence * 3)[:300], (_LONG_WORD * 3)[:300], "量化大型语言模型 quantization " * 12)
    return [replace(_paper(60 + number), title=title, authors=(title,)) for number, title in enumerate(titles)]


def _mathematical() -> list[Paper]:
    """As they are collected, and once more as if nobody had turned the TeX into text."""
    written = [
        replace(_paper(70 + number), title=title, abstract=" ".join([title] * 3), authors=(r"P\'eter Erd\H{o}s",))
        for number, title in enumerate(_TEX)
    ]
    read = [
        replace(
            paper,
            key=f"{paper.key}1",
            title=to_text(paper.title),
            abstract=to_text(paper.abstract),
            authors=tuple(map(to_text, paper.authors)),
        )
        for paper in written
    ]
    return [*read, *written]


def _news(papers: Iterable[Paper]) -> Iterator[Change]:
    """All that can happen to papers, in turn, and to the first of them all of it."""
    for number, paper in enumerate(papers):
        newer = replace(paper, version=number + 2)
        before, after = paper.abstract, paper.abstract.replace("99.2%", "98.7%").replace("nine", "eleven")
        facts = {
            ChangeKind.WITHDRAWN: ("", ""),
            ChangeKind.REVISED: (before, after if number % 2 else f"{_SENTENCES[1]} That is all we found."),
            ChangeKind.PUBLISHED: ("", f"10.1000/example.{number}"),
            ChangeKind.CODE: ("", f"https://github.com/example/project-{number}"),
        }
        kinds = [*ChangeKind] if not number else [[*ChangeKind][number % 4]]
        yield from (Change(10 * number + place, newer, kind, _NOON, *facts[kind]) for place, kind in enumerate(kinds))


def _hostile_news() -> Iterator[Change]:
    for number, ranked in enumerate(_hostile().papers):
        words, paper = ranked.paper.title, ranked.paper
        before = f"{_SENTENCES[1]} {words}"
        yield Change(3 * number, paper, ChangeKind.REVISED, _NOON, before, f"{_SENTENCES[1]} {words} {_HOSTILE[0]}")
        yield Change(3 * number + 1, paper, ChangeKind.PUBLISHED, _NOON, "", f"10.1000/{words}")
        yield Change(3 * number + 2, paper, ChangeKind.CODE, _NOON, "", f"https://example.org/{words}")


def _lull(nearest: Sequence[Paper]) -> Lull:
    names = ("huggingface", "arxiv:cs.LG", _HOSTILE[0], "d", "e", "f")
    return Lull(why=Quiet.UNMATCHED, new=1204, down=names, stale=names[:2], nearest=tuple(nearest), next_day=_DAY)


def _hostile() -> Issue:
    papers = [
        replace(
            _paper(80 + number),
            title=words,
            abstract=f"{words} quantization {' '.join(_HOSTILE)}",
            authors=(words, _HOSTILE[0]),
            organization=words,
            venue=words,
            url="javascript:alert(1)",
            code_url=f'https://example.org/"onmouseover="alert(1)/{number}<b>{{{{7*191}}}}',
            project_url="data:text/html,<script>alert(1)</script>",
        )
        for number, words in enumerate(_HOSTILE)
    ]
    # no parser lets such topics in, but a template must not depend on that
    keywords = (
        Keyword("quantization", topic='<script>"&{{7*191}}'),
        Keyword("</style><script>alert(1)</script>"),
        Keyword("{{7*191}}</zz>", negative=True),
    )
    issue = _issue(papers, Profile(keywords))
    return replace(issue, mailing_list=replace(_LIST, name='Papers <b>&"{{7*191}}"', sender_name="A\r\nBcc: b"))
