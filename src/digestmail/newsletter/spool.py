"""A list that may be longer than memory."""

import pickle
import weakref
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import BinaryIO, Generic, TypeVar

Item = TypeVar("Item")

_IN_MEMORY = 50  # items: the answers of all sources wait at once, and there may be many sources


class Spool(Generic[Item]):
    """Items in the order in which they were added; those beyond the first fifty wait in a file without a name."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._items: list[Item] = []
        self._spilled = 0
        self._file: BinaryIO | None = None
        for item in items:
            self.append(item)

    def append(self, item: Item) -> None:
        """Add one."""
        if len(self._items) < _IN_MEMORY:
            self._items.append(item)
            return
        if self._file is None:
            self._file = file = TemporaryFile()  # noqa: SIM115 - it lives as long as the list
            weakref.finalize(self, file.close)
        pickle.dump(item, self._file, pickle.HIGHEST_PROTOCOL)
        self._spilled += 1

    def __len__(self) -> int:
        return len(self._items) + self._spilled

    def __iter__(self) -> Iterator[Item]:
        yield from self._items
        if self._file is not None:
            self._file.seek(0)
            for _ in range(self._spilled):
                yield pickle.load(self._file)  # noqa: S301 - written above, and nobody else can open the file
