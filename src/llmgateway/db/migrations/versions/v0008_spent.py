"""What each key of an organisation spent, with its project, for counters that are missing."""

from alembic import op

revision = "0008"
down_revision = "0007"

_SPENT = """
    CREATE FUNCTION spent(org text, period_start timestamptz)
    RETURNS TABLE (key_id text, project_id text, day_nanos bigint, month_nanos bigint, total_nanos bigint,
        period_requests bigint, period_tokens bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        SELECT e.key_id, e.project_id,
            coalesce(sum(e.cost_nanos) FILTER (WHERE e.created_at >= date_trunc('day', now(), 'UTC')), 0)::bigint,
            coalesce(sum(e.cost_nanos) FILTER (WHERE e.created_at >= date_trunc('month', now(), 'UTC')), 0)::bigint,
            coalesce(sum(e.cost_nanos), 0)::bigint,
            count(*) FILTER (WHERE e.created_at >= period_start AND e.cache <> 'hit'
                AND (e.outcome = 'finished' OR e.prompt_tokens + e.completion_tokens > 0)),
            coalesce(sum(e.prompt_tokens + e.completion_tokens)
                FILTER (WHERE e.created_at >= period_start AND e.cache <> 'hit'), 0)::bigint
        FROM usage_events e
        WHERE e.org_id = org AND NOT e.test
        GROUP BY e.key_id, e.project_id
    $$
"""


def upgrade() -> None:
    """Make it, for `data` alone."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    op.execute(_SPENT.replace("{schema}", schema))
    op.execute("REVOKE ALL ON FUNCTION spent(text, timestamptz) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION spent(text, timestamptz) TO llmgateway_data")
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP FUNCTION spent(text, timestamptz)")
