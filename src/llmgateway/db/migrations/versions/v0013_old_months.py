"""Events go after 25 months and their sums stay; what keys spent is read from sums, and of an hour that is cut, from events."""

from alembic import op

revision = "0013"
down_revision = "0012"

_SUMS = ("usage_hours", "usage_days", "usage_pending")

_GRANTS = (
    *(f"CREATE POLICY lookup_sums ON {table} FOR SELECT TO llmgateway_lookup USING (true)" for table in _SUMS),
    f"GRANT SELECT ON {', '.join(_SUMS)} TO llmgateway_lookup",
)

# Whoever waits for the lock makes all others wait: rather try again an hour later.
_DROP = """
    CREATE FUNCTION drop_usage_partitions() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp SET lock_timeout = '3s' AS $$
    DECLARE
        oldest timestamp := date_trunc('month', now() AT TIME ZONE 'UTC') - interval '25 months';
        part text;
        dropped integer := 0;
    BEGIN
        PERFORM pg_advisory_xact_lock(7261948303);
        FOR part IN
            SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = 'usage_events'::regclass AND relname ~ '^usage_events_[0-9]{4}_[0-9]{2}$'
                AND to_timestamp(right(relname, 7), 'YYYY_MM')::timestamp < oldest
            ORDER BY relname
        LOOP
            EXECUTE format('DROP TABLE %I', part);
            dropped := dropped + 1;
        END LOOP;
        DELETE FROM usage_events_rest WHERE created_at < oldest AT TIME ZONE 'UTC';
        RETURN dropped;
    END
    $$
"""

_SIGNATURE = """
    CREATE OR REPLACE FUNCTION spent(org text, period_start timestamptz)
    RETURNS TABLE (key_id text, project_id text, day_nanos bigint, month_nanos bigint, total_nanos bigint,
        period_requests bigint, period_tokens bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
"""
_SPENT = f"""{_SIGNATURE}
        WITH bounds AS (
            SELECT date_trunc('day', now(), 'UTC') AS today, date_trunc('month', now(), 'UTC') AS this_month,
                date_trunc('hour', period_start + interval '1 hour' - interval '1 microsecond', 'UTC') AS whole_hour,
                date_trunc('day', period_start + interval '1 day' - interval '1 microsecond', 'UTC') AS whole_day
        ), facts AS (
            SELECT key_id, project_id, time, cost_nanos, cache, counted, prompt_tokens + completion_tokens AS tokens,
                time >= whole_day AS in_period
            FROM usage_days, bounds WHERE org_id = org AND NOT test
            UNION ALL
            SELECT key_id, project_id, time, cost_nanos, cache, counted, prompt_tokens + completion_tokens,
                time >= whole_hour
            FROM usage_pending, bounds WHERE org_id = org AND NOT test
            UNION ALL
            SELECT key_id, project_id, time, 0, cache, counted, prompt_tokens + completion_tokens, true
            FROM usage_hours, bounds WHERE org_id = org AND NOT test AND time >= whole_hour AND time < whole_day
            UNION ALL
            SELECT key_id, coalesce(project_id, ''), created_at, 0, cache,
                CASE WHEN outcome = 'finished' OR prompt_tokens > 0 OR completion_tokens > 0 THEN 1 ELSE 0 END,
                prompt_tokens::numeric + completion_tokens, true
            FROM usage_events, bounds
            WHERE org_id = org AND NOT test AND created_at >= period_start AND created_at < whole_hour
        )
        SELECT key_id, nullif(project_id, ''),
            least(coalesce(sum(cost_nanos) FILTER (WHERE time >= today), 0), 9223372036854775807)::bigint,
            least(coalesce(sum(cost_nanos) FILTER (WHERE time >= this_month), 0), 9223372036854775807)::bigint,
            least(sum(cost_nanos), 9223372036854775807)::bigint,
            coalesce(sum(counted) FILTER (WHERE in_period AND cache <> 'hit'), 0)::bigint,
            least(coalesce(sum(tokens) FILTER (WHERE in_period AND cache <> 'hit'), 0), 9223372036854775807)::bigint
        FROM facts, bounds
        GROUP BY key_id, project_id
    $$
"""
_SPENT_BEFORE = f"""{_SIGNATURE}
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
    """Make and replace them."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in (*_GRANTS, _DROP.replace("{schema}", _schema())):
        op.execute(statement)
    op.execute("REVOKE ALL ON FUNCTION drop_usage_partitions() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION drop_usage_partitions() TO llmgateway_admin, llmgateway_worker")
    op.execute("RESET ROLE")
    _as_lookup(_SPENT)


def downgrade() -> None:
    """Read what was spent from events again, as far as there are any."""
    _as_lookup(_SPENT_BEFORE)
    op.execute("DROP FUNCTION drop_usage_partitions()")
    for table in _SUMS:
        op.execute(f"DROP POLICY lookup_sums ON {table}")
        op.execute(f"REVOKE SELECT ON {table} FROM llmgateway_lookup")


def _as_lookup(statement: str) -> None:
    schema = _schema()
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    op.get_bind().exec_driver_sql(statement.replace("{schema}", schema))
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def _schema() -> str:
    return str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
