"""The bounded memory."""

from llmgateway.kit.recent import Recent


def test_asks_once() -> None:
    asked = list[str]()
    recent = Recent[str, int](2)

    def find(key: str) -> int:
        asked.append(key)
        return len(key)

    assert [recent.get(key, find) for key in ("a", "bb", "a", "bb")] == [1, 2, 1, 2]
    assert asked == ["a", "bb"]


def test_remembers_that_there_is_nothing() -> None:
    asked = list[str]()
    recent = Recent[str, None](2)
    for _ in range(2):
        recent.get("a", asked.append)
    assert asked == ["a"]


def test_forgets_what_was_unused_longest() -> None:
    asked = list[str]()
    recent = Recent[str, None](2)
    for key in ("a", "b", "a", "c", "a", "b"):
        recent.get(key, asked.append)
    assert (asked, len(recent)) == (["a", "b", "c", "b"], 2)
