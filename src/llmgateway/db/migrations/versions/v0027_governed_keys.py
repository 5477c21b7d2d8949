"""What somebody who manages keys set on a key is known from then on: its maker alone does not lift it."""

from alembic import op

revision = "0027"
down_revision = "0026"

_USUAL = {"requests_per_minute": 60, "requests_per_hour": 1_000, "requests_per_day": 10_000}
"""What a key was given when nobody asked for anything."""
_OTHERS = (
    "tokens_per_minute",
    "concurrency",
    "expires_at",
    "scopes",
    "models",
    "providers",
    "networks",
    "daily_budget_nanos",
    "monthly_budget_nanos",
    "total_budget_nanos",
)


def upgrade() -> None:
    """Who set what stands there is not known any more: it counts as set by somebody who manages keys."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute("ALTER TABLE api_keys ADD COLUMN governed jsonb NOT NULL DEFAULT '[]'")
    unusual = [f"CASE WHEN {name} <> {usual} THEN '{name}' END" for name, usual in _USUAL.items()]
    given = [f"CASE WHEN {name} IS NOT NULL THEN '{name}' END" for name in _OTHERS]
    op.execute(f"UPDATE api_keys SET governed = to_jsonb(array_remove(ARRAY[{', '.join(unusual + given)}], NULL))")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Makers lift again what they like."""
    op.execute("ALTER TABLE api_keys DROP COLUMN governed")
