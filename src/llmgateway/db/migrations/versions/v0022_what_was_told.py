"""What the caller was told when there was no answer stands beside the code of it."""

from alembic import op

revision = "0022"
down_revision = "0021"

_COLUMNS = (
    "org_id", "key_id", "project_id", "operation", "dialect", "model", "provider", "served_model", "outcome", "status",
    "error_code", "stream", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost_nanos", "charge_nanos", "list_cost_nanos", "price_version", "usage_source", "cache",
    "test", "duration_ms", "first_token_ms", "attempts", "plan", "tags",
)  # fmt: skip


def upgrade() -> None:
    """Null where nothing was refused, and in rows of releases before."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute("ALTER TABLE usage_events ADD COLUMN error_message text")
    op.execute("RESET ROLE")
    _insert((*_COLUMNS, "error_message"))


def downgrade() -> None:
    """Only the codes stay."""
    op.execute("ALTER TABLE usage_events DROP COLUMN error_message")
    _insert(_COLUMNS)


def _insert(columns: tuple[str, ...]) -> None:
    """Events, each id once. An estimate gives way to true figures; nothing else is ever replaced."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    op.execute(f"""
        CREATE OR REPLACE FUNCTION insert_usage(events jsonb)
        RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
            INSERT INTO usage_events SELECT * FROM jsonb_populate_recordset(NULL::usage_events, events)
            ON CONFLICT (id, created_at) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in columns)}
            WHERE usage_events.usage_source = 'estimated' AND excluded.usage_source <> 'estimated'
        $$
    """)
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")
