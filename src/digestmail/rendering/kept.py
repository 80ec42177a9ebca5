"""What is made once and looked up for every reader."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Kept(dict[Key, Made], Generic[Key, Made]):
    """``kept[key]`` makes what is not there yet. Forgets everything when there is too much of it.

    For what is looked up a hundred times an issue. ``lru_cache`` notes what was used last, and so writes to the
    neighbours of all that is asked for: among thousands they are seldom in the processor's cache, and the look-up takes
    a third longer.
    """

    def __init__(self, most: int, make: Callable[[Key], Made]) -> None:
        super().__init__()
        self._most, self._make = most, make

    def __missing__(self, key: Key) -> Made:
        if len(self) >= self._most:
            self.clear()
        made = self[key] = self._make(key)
        return made
