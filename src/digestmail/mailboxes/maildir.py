"""Messages in a Maildir (https://cr.yp.to/proto/maildir.html)."""

from collections.abc import Iterator
from pathlib import Path

from digestmail.errors import FileFormatError, MailboxUnavailable
from digestmail.protocols import Letter

_FLAGS = ":2,"


class MaildirMailbox:
    """All that is new or not seen. What is done is marked as seen (S), and for a person as flagged (F) too."""

    name = "maildir"

    def __init__(self, folder: Path, *, limit: int) -> None:
        """Messages of more than ``limit`` bytes are problems."""
        self._folder = folder
        self._limit = limit
        self._paths: dict[str, Path] = {}

    def letters(self) -> Iterator[Letter]:
        """Yield what is new, then what is not seen."""
        for path in self._waiting():
            try:
                with path.open("rb") as file:
                    content = file.read(self._limit + 1)
            except FileNotFoundError:
                continue  # a mail program has moved it
            except OSError as error:
                raise MailboxUnavailable(f"{path}: {error.strerror}") from error
            self._paths[path.name] = path
            long = len(content) > self._limit
            yield Letter(path.name, b"" if long else content, f"longer than {self._limit:,} bytes" if long else "")

    def done(self, letter: Letter, *, look: bool) -> None:
        """Move it to ``cur`` with its flags."""
        path = self._paths.pop(letter.name)
        base, _, flags = path.name.partition(_FLAGS)
        flags = "".join(sorted({*flags, "S", *("F" if look else "")}))
        try:
            path.rename(self._folder / "cur" / f"{base}{_FLAGS}{flags}")
        except FileNotFoundError:
            return  # a mail program was quicker
        except OSError as error:
            raise MailboxUnavailable(f"{path}: cannot be marked as seen: {error.strerror}") from error

    def _waiting(self) -> list[Path]:
        found: list[Path] = []
        for folder in (self._folder / "new", self._folder / "cur"):
            try:
                names = sorted(path.name for path in folder.iterdir())
            except OSError as error:
                raise FileFormatError(self._folder, f"not a Maildir: {folder.name}/: {error.strerror}") from error
            found += [
                folder / name
                for name in names
                if not name.startswith(".") and "S" not in name.partition(_FLAGS)[2] and (folder / name).is_file()
            ]
        return found
