"""Boxes and arrows as SVG: enough for a picture of who talks to whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_FILLS: Final[Mapping[str, str]] = {
    "ours": "#e0e7ff",
    "store": "#fef3c7",
    "outside": "#f1f5f9",
    "watch": "#dcfce7",
}
_INK, _LINE = "#1e293b", "#64748b"
_FONT = "font-family='system-ui, sans-serif'"


@dataclass(frozen=True, slots=True)
class Box:
    """A thing; its words stand in lines, the first one bold."""

    x: int
    y: int
    width: int
    height: int
    words: Sequence[str]
    kind: str = "ours"
    """ours, store, outside or watch."""

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another, by their names."""

    begin: str
    end: str
    words: str = ""
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture."""

    title: str
    width: int
    height: int
    boxes: Mapping[str, Box]
    arrows: Sequence[Arrow]

    def svg(self) -> str:
        """The whole file."""
        lines = [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {self.width} {self.height}' role='img' {_FONT}>",
            f"<title>{escape(self.title)}</title>",
            (
                "<defs><marker id='tip' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' markerHeight='7' orient='auto'>"
                f"<path d='M0 0L10 5L0 10z' fill='{_LINE}'/></marker></defs>"
            ),
            f"<rect width='{self.width}' height='{self.height}' rx='12' fill='#ffffff'/>",
        ]
        lines += [line for arrow in self.arrows for line in self._arrow(arrow)]
        lines += [line for box in self.boxes.values() for line in _box(box)]
        return "\n".join([*lines, "</svg>", ""])

    def _arrow(self, arrow: Arrow) -> Sequence[str]:
        begin, end = self.boxes[arrow.begin], self.boxes[arrow.end]
        x1, y1 = _edge(begin, end.middle)
        x2, y2 = _edge(end, begin.middle)
        dashes = " stroke-dasharray='5 4'" if arrow.dashed else ""
        drawn = (
            f"<line x1='{x1:.0f}' y1='{y1:.0f}' x2='{x2:.0f}' y2='{y2:.0f}' stroke='{_LINE}' stroke-width='1.5'{dashes} "
            "marker-end='url(#tip)'/>"
        )
        if not arrow.words:
            return [drawn]
        place = f"x='{(x1 + x2) / 2:.0f}' y='{(y1 + y2) / 2 - 5:.0f}'"
        style = "font-size='12' text-anchor='middle' stroke='#ffffff' stroke-width='4' paint-order='stroke'"
        return [drawn, f"<text {place} {style} fill='{_LINE}'>{escape(arrow.words)}</text>"]


def _box(box: Box) -> Sequence[str]:
    x, y = box.middle
    first = y - (len(box.words) - 1) * 8 + 5
    shape = f"x='{box.x}' y='{box.y}' width='{box.width}' height='{box.height}' rx='8'"
    lines = [f"<rect {shape} fill='{_FILLS[box.kind]}' stroke='{_LINE}'/>"]
    for number, words in enumerate(box.words):
        weight, size = ("bold", 14) if number == 0 else ("normal", 12)
        place = f"x='{x:.0f}' y='{first + 17 * number:.0f}' text-anchor='middle'"
        lines.append(f"<text {place} font-size='{size}' font-weight='{weight}' fill='{_INK}'>{escape(words)}</text>")
    return lines


def _edge(box: Box, towards: tuple[float, float]) -> tuple[float, float]:
    """Where a line from the box's middle to a point leaves the box."""
    x, y = box.middle
    dx, dy = towards[0] - x, towards[1] - y
    reach = min(
        box.width / 2 / abs(dx) if dx else float("inf"),
        box.height / 2 / abs(dy) if dy else float("inf"),
    )
    return x + dx * reach, y + dy * reach
