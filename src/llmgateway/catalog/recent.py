"""A bounded memory of answers: names of models come from callers, so what is remembered about them must have an end."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The answers to the last `size` different questions."""

    __slots__ = ("_known", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._known = OrderedDict[K, V]()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: K, find: Callable[[K], V]) -> V:
        """The answer; `find` is asked where it is not remembered, and the answer longest unused is forgotten."""
        try:
            answer = self._known[key]
        except KeyError:
            answer = self._known[key] = find(key)
            if len(self._known) > self._size:
                self._known.popitem(last=False)
            return answer
        self._known.move_to_end(key)
        return answer
