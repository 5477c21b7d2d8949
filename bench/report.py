"""The table of a run: what was measured, beside its budget where there is one."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the budget holds; None without one."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.more_is_better else self.value <= self.budget


@dataclass(slots=True)
class Table:
    """The rows of a run, in order."""

    rows: list[Row] = field(default_factory=list[Row])

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def text(self, title: str) -> str:
        """For people."""
        return "\n".join([f"llmgateway bench, {title}, everything on, one core", *map(_line, self.rows)])

    def data(self) -> list[dict[str, object]]:
        """For programs."""
        return [
            {"name": row.name, "value": row.value, "unit": row.unit, "budget": row.budget, "kept": row.kept}
            for row in self.rows
        ]


def _line(row: Row) -> str:
    verdict = {None: "", True: "kept", False: "MISSED"}[row.kept]
    bound = "" if row.budget is None else f"budget {'>=' if row.more_is_better else '<='} {row.budget:,g} {verdict}"
    decimals = 0 if row.value >= 1000 else 2
    return f"  {row.name:<62} {row.value:>10,.{decimals}f} {row.unit:<12} {bound:<26} {row.note}".rstrip()
