"""What was compiled, kept in a folder between runs. A cache: whatever goes wrong with it, work goes on without it."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

# an edit a minute over a working day leaves this many, 20 KB each
_KEPT = 500
_CODE = ("compile.py", "components.py", "lint.py", "markup.py", "masking.py")
_COMPILERS = ("mjml-python", "premailer", "cssutils", "lxml", "jinja2")


@dataclass(frozen=True, slots=True)
class DiskCache:
    """Texts by the hash of what they were made from; without a folder, nothing is kept."""

    folder: Path | None = None

    def get(self, key: str) -> Mapping[str, object]:
        """What was put; empty when nothing usable is there."""
        if self.folder is None:
            return {}
        try:
            value = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """Keep a value, whole or not at all; a folder that cannot be written is let be."""
        if self.folder is None:
            return
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                    json.dump(value, file)
                os.replace(name, self.folder / f"{key}.json")  # noqa: PTH105 - the pair of mkstemp's name
            except BaseException:
                os.unlink(name)  # noqa: PTH108 - the same
                raise
            self._forget()

    def _forget(self) -> None:
        assert self.folder is not None, "only after something was written"
        files = sorted(self.folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[_KEPT:]:
            file.unlink(missing_ok=True)


def key_of(*texts: str) -> str:
    """The hash of some texts and of all that compiles them."""
    return hashlib.sha256("\0".join([_compiler(), *texts]).encode()).hexdigest()


@lru_cache(maxsize=1)
def _compiler() -> str:
    """What turns a template into what is kept: our own code and the libraries it calls."""
    code = _code(Path(__file__).with_name(name) for name in _CODE)
    return " ".join([code, *(version(name) for name in _COMPILERS)])


def _code(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with contextlib.suppress(OSError):  # a frozen program has no files: then the versions must do
            digest.update(file.read_bytes())
    return digest.hexdigest()
