"""What an organisation that pays in advance may be charged in all, told with its keys; what was spent, as of a moment that is given."""

from alembic import op

revision = "0016"
down_revision = "0015"

_LEDGER = ("ledger_postings", "ledger_entries", "ledger_closings")
_GRANTS = (
    *(f"CREATE POLICY lookup_books ON {table} FOR SELECT TO llmgateway_lookup USING (true)" for table in _LEDGER),
    f"GRANT SELECT ON {', '.join(_LEDGER)} TO llmgateway_lookup",
)

# Credit that is left, and what was charged for usage so far: a charge that credit pays moves from one to the other, so that only
# purchases and refunds change the sum. The last closing line spares all entries before it; what is revenue and no usage is rare.
_LIMIT = """
    CREATE FUNCTION charge_limit(org text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        WITH closed AS (SELECT max(day) AS day FROM ledger_closings WHERE org_id = org),
        held AS (
            SELECT l.account, l.nanos FROM ledger_closings l, closed WHERE l.org_id = org AND l.day = closed.day
            UNION ALL
            SELECT e.account, e.nanos FROM ledger_entries e, closed
            WHERE e.org_id = org AND (closed.day IS NULL OR e.created_at >= (closed.day + 1)::timestamp AT TIME ZONE 'UTC')
        ),
        other AS (
            SELECT e.nanos FROM ledger_postings p JOIN ledger_entries e ON e.posting_id = p.id
            WHERE p.org_id = org AND p.kind IN ('overage', 'invoice', 'refund') AND e.account = 'revenue'
        )
        SELECT (coalesce((SELECT -sum(nanos) FROM held WHERE account IN ('credit', 'revenue')), 0)
            + coalesce((SELECT sum(nanos) FROM other), 0))::bigint
    $$
"""

_SNAPSHOT = """
    CREATE FUNCTION key_snapshot(secret bytea, in_advance text[])
    RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        SELECT jsonb_build_object(
            'key', to_jsonb(k),
            'secret', jsonb_build_object('id', s.id, 'expires_at', s.expires_at),
            'project', to_jsonb(p),
            'org', to_jsonb(o),
            'charge_limit', CASE WHEN o.plan = ANY(in_advance) THEN charge_limit(o.id) END,
            'routes', (SELECT jsonb_agg(to_jsonb(r)) FROM routes r WHERE r.org_id = o.id),
            'credentials', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM credentials c WHERE c.org_id = o.id))
        FROM key_secrets s
        JOIN api_keys k ON k.id = s.key_id
        JOIN organisations o ON o.id = k.org_id
        LEFT JOIN projects p ON p.id = k.project_id
        WHERE s.secret_hash = secret
    $$
"""

# `moment` is the asker's: near midnight two clocks disagree about the day, and the counter is of the asker's day.
_SPENT = """
    CREATE FUNCTION spent(org text, period_start timestamptz, moment timestamptz)
    RETURNS TABLE (key_id text, project_id text, day_nanos bigint, month_nanos bigint, total_nanos bigint,
        period_requests bigint, period_tokens bigint, charged_nanos bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        WITH bounds AS (
            SELECT date_trunc('day', moment, 'UTC') AS today, date_trunc('month', moment, 'UTC') AS this_month,
                date_trunc('hour', period_start + interval '1 hour' - interval '1 microsecond', 'UTC') AS whole_hour,
                date_trunc('day', period_start + interval '1 day' - interval '1 microsecond', 'UTC') AS whole_day
        ), facts AS (
            SELECT key_id, project_id, time, cost_nanos, charge_nanos, cache, counted,
                prompt_tokens + completion_tokens AS tokens, time >= whole_day AS in_period
            FROM usage_days, bounds WHERE org_id = org AND NOT test
            UNION ALL
            SELECT key_id, project_id, time, cost_nanos, charge_nanos, cache, counted,
                prompt_tokens + completion_tokens, time >= whole_hour
            FROM usage_pending, bounds WHERE org_id = org AND NOT test
            UNION ALL
            SELECT key_id, project_id, time, 0, 0, cache, counted, prompt_tokens + completion_tokens, true
            FROM usage_hours, bounds WHERE org_id = org AND NOT test AND time >= whole_hour AND time < whole_day
            UNION ALL
            SELECT key_id, coalesce(project_id, ''), created_at, 0, 0, cache,
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
            least(coalesce(sum(tokens) FILTER (WHERE in_period AND cache <> 'hit'), 0), 9223372036854775807)::bigint,
            least(coalesce(sum(charge_nanos), 0), 9223372036854775807)::bigint
        FROM facts, bounds
        GROUP BY key_id, project_id
    $$
"""

_FUNCTIONS = {
    "charge_limit(text)": _LIMIT,
    "key_snapshot(bytea, text[])": _SNAPSHOT,
    "spent(text, timestamptz, timestamptz)": _SPENT,
}
_ASKED_BY_DATA = tuple(_FUNCTIONS)[1:]


def upgrade() -> None:
    """Make them; those of before stay for processes of the release before."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _GRANTS:
        op.execute(statement)
    op.execute("RESET ROLE")
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    for signature, statement in _FUNCTIONS.items():
        op.get_bind().exec_driver_sql(statement.replace("{schema}", schema))
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {', '.join(_ASKED_BY_DATA)} TO llmgateway_data")
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def downgrade() -> None:
    """Drop them."""
    for signature in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
    for table in _LEDGER:
        op.execute(f"DROP POLICY lookup_books ON {table}")
        op.execute(f"REVOKE SELECT ON {table} FROM llmgateway_lookup")
