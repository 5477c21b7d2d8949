"""What used tokens and has no price, or lacks one for a part, is unpriced, however it ended; sums say the savings of their requests."""

from collections.abc import Callable

from llmgateway.db.migrations.versions import v0014_histograms

revision = "0026"
down_revision = "0025"

_RULES = (
    (
        "outcome = 'finished' AND cost_nanos IS NULL",
        (
            "cost_nanos IS NULL AND (outcome = 'finished' OR prompt_tokens > 0 OR completion_tokens > 0) "
            "OR price_version LIKE '% without a price for %'"
        ),
    ),
    (
        "(list_cost_nanos::numeric - cost_nanos)) FILTER (WHERE outcome = 'finished')",
        "(list_cost_nanos::numeric - cost_nanos)) FILTER (WHERE NOT test)",
    ),
)
"""What counted as unpriced and as saved, and what does."""
_TOLD_APART = "(SELECT *, {sign} AS sign FROM usage_events WHERE test OR outcome <> 'finished') e"
"""The events for which it matters."""


def upgrade() -> None:
    """Count by the new rules, and count anew what the old ones counted otherwise."""
    _change(v0014_histograms.changes, changes)


def downgrade() -> None:
    """Count by the old ones again."""
    _change(changes, v0014_histograms.changes)


def changes(events: str) -> str:
    """The statement that notes what events add up to."""
    statement = v0014_histograms.changes(events)
    for before, after in _RULES:
        statement = statement.replace(before, after)
    return statement


def _change(before: Callable[[str], str], after: Callable[[str], str]) -> None:
    """Whoever stores events waits until this is done, so that each is noted by one rule; sums of events that are gone stay."""
    v0014_histograms.as_owner(
        (
            "LOCK TABLE usage_events IN SHARE ROW EXCLUSIVE MODE",
            before(_TOLD_APART.replace("{sign}", "-1")),
            after(_TOLD_APART.replace("{sign}", "1")),
        )
    )
    v0014_histograms.note_by(after)
