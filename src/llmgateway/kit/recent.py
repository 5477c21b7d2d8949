"""A bounded memory of answers, for questions that strangers choose, such as what a name stands for."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The answers to the last `size` different keys."""

    __slots__ = ("_known", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._known = OrderedDict[K, V]()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: K, find: Callable[[K], V]) -> V:
        """The answer for a key. If it is not remembered `find` is called, and the answer that was unused the longest is forgotten."""
        try:
            answer = self._known[key]
        except KeyError:
            answer = self._known[key] = find(key)
            if len(self._known) > self._size:
                self._known.popitem(last=False)
            return answer
        self._known.move_to_end(key)
        return answer
