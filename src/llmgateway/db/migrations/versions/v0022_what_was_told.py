"""What the caller was told when there was no answer stands beside the code of it."""

from alembic import op

revision = "0022"
down_revision = "0021"

_COLUMNS = """
    SELECT quote_ident(attname) FROM pg_attribute
    WHERE attrelid = 'usage_events'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'created_at')
    ORDER BY attnum
"""


def upgrade() -> None:
    """Null where nothing was refused, and in rows of releases before."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute("ALTER TABLE usage_events ADD COLUMN error_message text")
    op.execute("RESET ROLE")
    insert_all_columns()


def downgrade() -> None:
    """Only the codes stay."""
    op.execute("ALTER TABLE usage_events DROP COLUMN error_message")
    insert_all_columns()


def insert_all_columns() -> None:
    """Events, each id once. An estimate gives way to true figures; nothing else is ever replaced."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    columns = op.get_bind().exec_driver_sql(_COLUMNS).scalars().all()
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
