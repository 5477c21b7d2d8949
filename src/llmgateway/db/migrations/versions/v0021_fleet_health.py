"""How the providers are doing, as each process tells it: who serves people need not be who asks providers."""

from alembic import op

revision = "0021"
down_revision = "0020"

# Unlogged: news that are old after a crash. Forty-five seconds are three times in which a process tells something.
_TABLE = """
    CREATE UNLOGGED TABLE provider_health (
        process text CONSTRAINT pk_provider_health PRIMARY KEY, told_at timestamptz NOT NULL, paths jsonb NOT NULL)
"""
_FUNCTIONS = {
    "tell_health(text, jsonb)": (
        "llmgateway_data",
        """
        CREATE FUNCTION tell_health(teller text, told jsonb)
        RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
            DELETE FROM provider_health WHERE told_at < now() - interval '1 hour';
            INSERT INTO provider_health VALUES (teller, now(), told)
            ON CONFLICT (process) DO UPDATE SET told_at = excluded.told_at, paths = excluded.paths
        $$
        """,
    ),
    "health_of(text[])": (
        "llmgateway_app",
        """
        CREATE FUNCTION health_of(credentials text[])
        RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
            SELECT coalesce(jsonb_agg(path ORDER BY process), '[]')
            FROM provider_health, jsonb_array_elements(paths) path
            WHERE told_at > now() - interval '45 seconds' AND path ->> 'credential' = ANY (credentials)
        $$
        """,
    ),
}


def upgrade() -> None:
    """Make the table, which nobody reads or writes but by these functions."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute(_TABLE)
    op.execute("ALTER TABLE provider_health ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE provider_health FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY lookup_all ON provider_health TO llmgateway_lookup USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON provider_health TO llmgateway_lookup")
    op.execute("RESET ROLE")
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    for signature, (caller, statement) in _FUNCTIONS.items():
        op.get_bind().exec_driver_sql(statement.replace("{schema}", schema))
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {caller}")
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def downgrade() -> None:
    """Drop them."""
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DROP TABLE provider_health")
