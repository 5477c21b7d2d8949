"""Contents of requests, sealed: written by `data` through a function, read by their organisation, never by operators."""

from alembic import op

revision = "0010"
down_revision = "0009"

_STATEMENTS = (
    """
    CREATE TABLE contents (
        event_id text CONSTRAINT pk_contents PRIMARY KEY,
        org_id text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        request bytea NOT NULL,
        answer bytea NOT NULL
    )
    """,
    "CREATE INDEX ix_contents_expires_at ON contents (expires_at)",
    "CREATE INDEX ix_contents_org_id ON contents (org_id)",
    "CREATE POLICY app_own ON contents TO llmgateway_app USING (org_id = current_setting('app.org_id', true))",
    "CREATE POLICY owner_all ON contents TO llmgateway_owner USING (true) WITH CHECK (true)",
    "CREATE POLICY lookup_keeps ON contents FOR INSERT TO llmgateway_lookup WITH CHECK (true)",
    "CREATE POLICY worker_forgets ON contents TO llmgateway_worker USING (true)",
    "ALTER TABLE contents ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE contents FORCE ROW LEVEL SECURITY",
    "GRANT SELECT, DELETE ON contents TO llmgateway_app",
    "GRANT SELECT (event_id, org_id, expires_at), DELETE ON contents TO llmgateway_worker",
    "GRANT INSERT ON contents TO llmgateway_lookup",
)

_INSERT = """
    CREATE FUNCTION insert_contents(contents jsonb)
    RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        INSERT INTO contents (event_id, org_id, created_at, expires_at, request, answer)
            SELECT c ->> 'event_id', c ->> 'org_id', (c ->> 'created_at')::timestamptz,
                (c ->> 'expires_at')::timestamptz, decode(c ->> 'request', 'base64'), decode(c ->> 'answer', 'base64')
            FROM jsonb_array_elements(contents) c
            ON CONFLICT DO NOTHING
    $$
"""


def upgrade() -> None:
    """Make them."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    op.execute(_INSERT.replace("{schema}", schema))
    op.execute("REVOKE ALL ON FUNCTION insert_contents(jsonb) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION insert_contents(jsonb) TO llmgateway_data")
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP FUNCTION insert_contents(jsonb)")
    op.execute("DROP TABLE contents")
