"""Templates, compiled once: MJML and premailer see placeholders, never the text of a paper or a subscriber.

A template is a folder of four files: ``subject.txt``, ``body.mjml``, ``inline.css`` and ``body.txt``. Every ``{{ … }}``
and ``{% … %}`` of ``body.mjml`` is replaced by a plain word, the rest is linted, MJML and premailer turn it into HTML,
and the placeholders are put back. What is left is an ordinary Jinja template: filling it takes 0.2 ms, running MJML and
premailer on every issue took 2 to 6 ms.
"""

import hashlib
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self

import jinja2
from jinja2 import meta, nodes

from digestmail.errors import TemplateError
from digestmail.model import Rendered
from digestmail.rendering.cache import DiskCache, key_of
from digestmail.rendering.environment import environment
from digestmail.rendering.lint import lint
from digestmail.rendering.markup import inline_css, mjml_to_html
from digestmail.rendering.masking import Masked, Source, check_kept
from digestmail.text.clean import clean_line

_FILES = ("subject.txt", "body.mjml", "inline.css", "body.txt")
_HASH_DIGITS = 16
#: what a mistake in a template can raise while it is filled, beside Jinja's own errors.
MISTAKES = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_HTML = environment(html=True)
_TEXT = environment(html=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a template, ready to be filled."""

    path: Path
    #: the compiled text: a Jinja template of what goes into the message
    source: str
    template: jinja2.Template
    #: for each line of the compiled text, the place it was written at; None where they are the same
    places: tuple[str, ...] | None = None

    @classmethod
    def compile(cls, env: jinja2.Environment, path: Path, source: str, places: tuple[str, ...] | None = None) -> Self:
        """Raises TemplateError with the place of what Jinja cannot read."""
        try:
            code = env.compile(source, filename=str(path))
        except jinja2.TemplateSyntaxError as error:
            place = places[error.lineno - 1] if places else f"{path}:{error.lineno}"
            raise TemplateError(f"{place}: {error.message}") from error
        return cls(path, source, jinja2.Template.from_code(env, code, {}), places)

    def fill(self, context: Mapping[str, object]) -> str:
        """The text for one issue. Raises TemplateError with the place of what cannot be filled."""
        try:
            return self.template.render(context)
        except MISTAKES as error:
            raise TemplateError(f"{self.place(error)}: {error}") from error

    def place(self, error: Exception) -> str:
        """Where in the template an error arose: ``path:LINE:COL``, or as much of it as is known."""
        # Jinja rewrites tracebacks: the frames of a template carry its file name and its own line.
        frames = reversed(traceback.extract_tb(error.__traceback__))
        line = next((frame.lineno for frame in frames if frame.filename == str(self.path)), None)
        if line is None:
            return f"{self.path}"
        return self.places[line - 1] if self.places else f"{self.path}:{line}"


@dataclass(frozen=True, slots=True, eq=False)
class CompiledTemplate:
    """A template ready for any number of issues; compared by identity, for it is a key of caches."""

    #: hex digits that change with any of its files; a delivery's plan names its template by them
    hash: str
    subject: Part
    html: Part
    text: Part

    def render(self, context: Mapping[str, object]) -> Rendered:
        """Fill all parts; the subject is made one clean line. Raises TemplateError with the file and the line."""
        return Rendered(
            subject=clean_line(self.subject.fill(context)),
            html=self.html.fill(context),
            text=self.text.fill(context),
        )

    def shows(self, name: str) -> bool:
        """Whether both bodies use the variable ``name``."""
        return all(
            name in meta.find_undeclared_variables(part.template.environment.parse(part.source))
            for part in (self.html, self.text)
        )

    def parts(self) -> dict[str, object]:
        """Plain JSON from which ``restored`` makes the same template again, whatever has become of its files."""
        return {
            name: {"path": str(part.path), "source": part.source, "places": part.places}
            for name, part in (("subject", self.subject), ("html", self.html), ("text", self.text))
        }


def restored(kept: str, parts: Mapping[str, Any]) -> CompiledTemplate:
    """The template that ``parts`` were taken of; ``kept`` names it. Raises TemplateError."""
    environments = {"subject": _TEXT, "html": _HTML, "text": _TEXT}
    made = {
        name: Part.compile(env, Path(parts[name]["path"]), parts[name]["source"], _tuple(parts[name]["places"]))
        for name, env in environments.items()
    }
    return CompiledTemplate(hash=kept[:_HASH_DIGITS], **made)


def _tuple(places: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if places is None else tuple(places)


@dataclass(frozen=True, slots=True)
class _Files:
    """A template as it is written."""

    folder: Path
    #: the four files, in the order of their names above
    texts: tuple[str, str, str, str]
    #: what body.mjml includes, by the names it uses
    includes: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises TemplateError when a file is missing or is not UTF-8."""
        subject, body, css, text = (_read(folder / name) for name in _FILES)
        return cls(folder, (subject, body, css, text), tuple(_includes(folder, body)))

    def source(self, name: str) -> Source:
        return Source(self.folder / name, self.texts[_FILES.index(name)])

    @property
    def all_texts(self) -> tuple[str, ...]:
        return (*self.texts, *(part for include in self.includes for part in include))


class Templates:
    """Where templates are kept: folders that hold one folder per template, the first that has it wins."""

    def __init__(self, *folders: Path, cache: Path | None = None) -> None:
        """``cache`` is a folder for what was compiled, so that the next process need not; None keeps nothing."""
        self._folders = folders
        self._cache = DiskCache(cache)

    def names(self) -> tuple[str, ...]:
        """All templates there are, in alphabetical order."""
        found = (file.parent.name for folder in self._folders for file in folder.glob(f"*/{_FILES[1]}"))
        return tuple(sorted(set(found)))

    def load(self, name: str) -> CompiledTemplate:
        """The template ``name``, compiled once as long as its files stay the same.

        Raises TemplateError when a file is missing or unusable; every line of the message begins with the file and,
        where they are known, line and column.
        """
        return _compile(_Files.read(self._folder(name)), self._cache)

    def lenient(self, tell: Callable[[TemplateError], None]) -> "Templates":
        """The same templates; one that does not compile is told, and loads as it was when it last did."""
        return _Lenient(*self._folders, cache=self._cache.folder, tell=tell)

    def last_good(self, name: str) -> CompiledTemplate | None:
        """The template as it was when it last compiled, in this process or (with a cache) in one before."""
        return _last_good(self._folder(name), self._cache)

    def _folder(self, name: str) -> Path:
        for folder in self._folders:
            if (folder / name).is_dir():
                return folder / name
        known, looked = ", ".join(self.names()) or "none", " and ".join(map(str, self._folders))
        raise TemplateError(f"{self._folders[0] / name}: no such template; there are {known} in {looked}")


class _Lenient(Templates):
    def __init__(self, *folders: Path, cache: Path | None, tell: Callable[[TemplateError], None]) -> None:
        super().__init__(*folders, cache=cache)
        self._tell = tell

    def load(self, name: str) -> CompiledTemplate:
        try:
            return super().load(name)
        except TemplateError as error:
            good = self.last_good(name)
            if good is None:
                raise
            self._tell(error)
            return good


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TemplateError(f"{path}: is not UTF-8 ({error.reason} at byte {error.start})") from error


def _includes(folder: Path, body: str) -> Iterator[tuple[str, str]]:
    """The files within ``folder`` that ``body`` includes, directly or not; what else it asks for is not read."""
    home = folder.resolve()
    waiting, seen = list(Source(folder, body).included()), set[str]()
    while waiting:
        name = waiting.pop(0)
        path = (home / name).resolve()
        if name not in seen and path.is_relative_to(home) and path.is_file():
            text = _read(path)
            yield name, text
            waiting += Source(path, text).included()
        seen.add(name)


#: the last files of a template folder that compiled
_good: dict[Path, _Files] = {}


@lru_cache(maxsize=64)
def _compile(files: _Files, cache: DiskCache) -> CompiledTemplate:
    contents = "\0".join(files.all_texts)
    digest = hashlib.sha256(contents.encode()).hexdigest()
    subject, text = files.source("subject.txt"), files.source("body.txt")
    template = CompiledTemplate(
        hash=digest[:_HASH_DIGITS],
        subject=Part.compile(_TEXT, subject.path, subject.text),
        html=_body(files, cache, word=f"dm{digest[:8]}n"),
        text=Part.compile(_TEXT, text.path, text.text),
    )
    _good[files.folder] = files
    cache.put(_good_key(files.folder), {"texts": files.texts, "includes": dict(files.includes)})
    return template


def _good_key(folder: Path) -> str:
    return "good-" + hashlib.sha256(str(folder).encode()).hexdigest()


def _last_good(folder: Path, cache: DiskCache) -> CompiledTemplate | None:
    files = _good.get(folder)
    if files is None:
        match cache.get(_good_key(folder)):
            case {"texts": [str(subject), str(body), str(css), str(text)], "includes": dict(includes)}:
                pairs = tuple((str(name), str(content)) for name, content in includes.items())
                files = _Files(folder, (subject, body, css, text), pairs)
            case _:
                return None
    return _compile(files, cache)


def _body(files: _Files, cache: DiskCache, *, word: str) -> Part:
    """The compiled body, from the cache when it is there."""
    path = files.folder / "body.mjml"
    key = key_of(str(files.folder), *files.all_texts)
    match cache.get(key):
        case {"html": str(html), "places": [*places]}:
            return Part.compile(_HTML, path, html, tuple(map(str, places)))
    part = compile_body(files.source("body.mjml"), files.source("inline.css"), dict(_sources(files)), word=word)
    cache.put(key, {"html": part.source, "places": part.places})
    return part


def _sources(files: _Files) -> Iterator[tuple[str, Source]]:
    for name, text in files.includes:
        yield name, Source(files.folder / name, text)


def compile_body(body: Source, css: Source, includes: Mapping[str, Source], *, word: str) -> Part:
    """MJML with Jinja in it, as HTML with the same Jinja in it; ``word`` stands nowhere in the files.

    Raises TemplateError, with a line for each fault that is found.
    """
    for source in (body, *includes.values()):  # first as written: a mistake in Jinja is told with its own line
        Part.compile(_HTML, source.path, source.text)
        _check_escaping(source)
    masked = Masked.of(body, includes, word)
    lint(masked)
    html = mjml_to_html(masked)
    numbers = masked.numbers_in(html)
    check_kept(masked, numbers)
    for number in masked.numbers_in(" ".join(_Names(html).names)):
        raise masked.placeholders[number].error("stands inside a tag (only values in quotes can be filled)")
    html = inline_css(css, html)
    if masked.numbers_in(html) != numbers:
        raise TemplateError(
            f"{body.path}: premailer dropped or moved a placeholder (is one outside of text and values?)"
        )
    return Part.compile(_HTML, body.path, *masked.restore(html))


def _check_escaping(source: Source) -> None:
    switch = _HTML.parse(source.text).find(nodes.EvalContextModifier)
    if switch:
        raise TemplateError(f"{source.path}:{switch.lineno}: autoescape is refused: words of strangers must be escaped")


class _Names(HTMLParser):
    """The names of all elements and attributes: a value filled in there could write attributes of its own."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names += [tag, *(name for name, _ in attrs)]
