"""Histograms of usage as one number each, so that a sum merges them; and an index for lists of requests."""

from collections.abc import Callable, Iterable

from alembic import op

from llmgateway.db.migrations.versions import v0011_rollups

revision = "0014"
down_revision = "0013"

_TABLES = ("usage_hours", "usage_days", "usage_pending")
_HISTOGRAMS = ("latency", "first_token")
_PARTS = ("buckets", "counts")
_FACETS = "test, project_id, key_id, model, provider, served_model, outcome, cache, tags"
_SUMS = (
    "requests", "counted", "unpriced", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost_nanos", "charge_nanos", "list_cost_nanos", "saved_nanos",
)  # fmt: skip

# A histogram has twelve decimal digits for each bucket, bucket -1 in the last ones.
_CELL = "('1e' || 12 * ({bucket} + 1))::numeric"

_CHANGES = """
    INSERT INTO usage_pending (time, org_id, facets, {facets}, {sums}, latency, first_token)
    SELECT time, org_id, sha256(convert_to(jsonb_build_array({facets})::text, 'UTF8')), {facets}, {summed},
        coalesce(sum(requests * {latency}), 0), coalesce(sum(requests * {first_token}), 0)
    FROM (
        SELECT date_trunc('hour', created_at, 'UTC') AS time, org_id, test, coalesce(project_id, '') AS project_id, key_id,
            model, coalesce(provider, '') AS provider, coalesce(served_model, '') AS served_model, outcome, cache, tags,
            CASE WHEN outcome = 'finished' THEN usage_bucket(duration_ms) END AS latency,
            CASE WHEN outcome = 'finished' THEN usage_bucket(first_token_ms) END AS first_token,
            sum(sign) AS requests,
            coalesce(sum(sign) FILTER (WHERE outcome = 'finished' OR prompt_tokens > 0 OR completion_tokens > 0), 0)
                AS counted,
            coalesce(sum(sign) FILTER (WHERE outcome = 'finished' AND cost_nanos IS NULL), 0) AS unpriced,
            sum(sign * prompt_tokens) AS prompt_tokens,
            sum(sign * completion_tokens) AS completion_tokens,
            sum(sign * cached_tokens) AS cached_tokens,
            sum(sign * cache_write_tokens) AS cache_write_tokens,
            sum(sign * reasoning_tokens) AS reasoning_tokens,
            coalesce(sum(sign * cost_nanos), 0) AS cost_nanos,
            coalesce(sum(sign * charge_nanos), 0) AS charge_nanos,
            coalesce(sum(sign * list_cost_nanos), 0) AS list_cost_nanos,
            coalesce(sum(sign * (list_cost_nanos::numeric - cost_nanos)) FILTER (WHERE outcome = 'finished'), 0)
                AS saved_nanos
        FROM {events}
        GROUP BY time, org_id, {facets}, latency, first_token
    ) cells
    GROUP BY time, org_id, {facets}
"""
_FUNCTIONS = (
    (
        "note_new_usage() RETURNS trigger LANGUAGE plpgsql",
        "BEGIN {changes}; RETURN NULL; END",
        v0011_rollups.ADDED,
    ),
    (
        "note_changed_usage() RETURNS trigger LANGUAGE plpgsql",
        "BEGIN {changes}; RETURN NULL; END",
        v0011_rollups.REPLACED,
    ),
    (
        "recount_usage(org text, since timestamptz, until timestamptz) RETURNS void LANGUAGE sql",
        "{changes}",
        v0011_rollups.OF_RANGE,
    ),
)

_STATEMENTS = (
    *(
        f"ALTER TABLE {table} {', '.join(f'ADD COLUMN {name} numeric NOT NULL DEFAULT 0' for name in _HISTOGRAMS)}"
        for table in _TABLES
    ),
    *(
        f"UPDATE {table} SET {name} = (SELECT coalesce(sum(n * {_CELL.replace('{bucket}', 'bucket')}), 0) "
        f"FROM unnest({name}_buckets, {name}_counts) AS cell (bucket, n)) WHERE {name}_counts <> '{{}}'"
        for table in _TABLES
        for name in _HISTOGRAMS
    ),
    *(
        f"ALTER TABLE {table} {', '.join(f'DROP COLUMN {name}_{part}' for name in _HISTOGRAMS for part in _PARTS)}"
        for table in _TABLES
    ),
    # Lists go by time, and a page begins after an entry.
    "CREATE INDEX ix_usage_events_org_id_created_at_id ON usage_events (org_id, created_at DESC, id DESC)",
    "DROP INDEX ix_usage_events_org_id_created_at",
)

_OLD = (("buckets", "smallint[]"), ("counts", "bigint[]"))
_BACK = (
    "CREATE INDEX ix_usage_events_org_id_created_at ON usage_events (org_id, created_at DESC)",
    "DROP INDEX ix_usage_events_org_id_created_at_id",
    *(
        f"ALTER TABLE {table} ADD COLUMN {name}_{part} {sort} NOT NULL DEFAULT '{{}}'"
        for table in _TABLES
        for name in _HISTOGRAMS
        for part, sort in _OLD
    ),
    *(
        f"UPDATE {table} SET ({name}_buckets, {name}_counts) = ("
        "SELECT array_agg(bucket::smallint ORDER BY bucket), array_agg(n::bigint ORDER BY bucket) FROM ("
        f"SELECT bucket, trunc({name} / {_CELL.replace('{bucket}', 'bucket')}) % 1e12 AS n FROM generate_series(-1, 226) bucket"
        f") cells WHERE n <> 0) WHERE {name} <> 0"
        for table in _TABLES
        for name in _HISTOGRAMS
    ),
    *(f"ALTER TABLE {table} {', '.join(f'DROP COLUMN {name}' for name in _HISTOGRAMS)}" for table in _TABLES),
)


def upgrade() -> None:
    """Turn arrays into numbers."""
    as_owner(_STATEMENTS)
    note_by(changes)


def downgrade() -> None:
    """Turn numbers into arrays."""
    as_owner(_BACK)
    note_by(v0011_rollups.changes)


def changes(events: str) -> str:
    """The statement that notes what events add up to."""
    parts = {
        "{facets}": _FACETS,
        "{sums}": ", ".join(_SUMS),
        "{summed}": ", ".join(f"sum({name})" for name in _SUMS),
        "{events}": events,
        **{f"{{{name}}}": _CELL.replace("{bucket}", name) for name in _HISTOGRAMS},
    }
    filled = _CHANGES
    for name, part in parts.items():
        filled = filled.replace(name, part)
    return filled


def note_by(statement: Callable[[str], str]) -> None:
    """What events add up to is noted, and made anew, by such a statement about events."""
    as_owner([_function(signature, body, statement(events)) for signature, body, events in _FUNCTIONS])


def _function(signature: str, body: str, changes: str) -> str:
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    filled = body.replace("{changes}", changes)
    return f"CREATE OR REPLACE FUNCTION {signature} SET search_path = {schema}, pg_temp AS $$ {filled} $$"


def as_owner(statements: Iterable[str]) -> None:
    """One after the other."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
    op.execute("RESET ROLE")
