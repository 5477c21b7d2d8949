"""Organisations, people, API keys and usage."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Back to nothing."""
    for table in ("usage_events", "api_keys", "members", "users", "organisations", "installations"):
        op.execute(f"DROP TABLE {table}")


_TABLES = (
    """
    CREATE TABLE installations (
        id text CONSTRAINT pk_installations PRIMARY KEY,
        key_pepper bytea NOT NULL,
        created_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE organisations (
        id text CONSTRAINT pk_organisations PRIMARY KEY,
        name text NOT NULL,
        slug text NOT NULL CONSTRAINT uq_organisations_slug UNIQUE,
        plan text NOT NULL,
        suspended_at timestamptz,
        created_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE users (
        id text CONSTRAINT pk_users PRIMARY KEY,
        email text NOT NULL CONSTRAINT uq_users_email UNIQUE,
        password_hash text NOT NULL,
        created_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE members (
        org_id text NOT NULL CONSTRAINT fk_members_org_id REFERENCES organisations,
        user_id text NOT NULL CONSTRAINT fk_members_user_id REFERENCES users,
        role text NOT NULL CONSTRAINT ck_members_role CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_members PRIMARY KEY (org_id, user_id)
    )
    """,
    """
    CREATE TABLE api_keys (
        id text CONSTRAINT pk_api_keys PRIMARY KEY,
        org_id text NOT NULL CONSTRAINT fk_api_keys_org_id REFERENCES organisations,
        project_id text,
        name text NOT NULL,
        test boolean NOT NULL,
        prefix text NOT NULL,
        last4 text NOT NULL,
        secret_hash bytea NOT NULL CONSTRAINT uq_api_keys_secret_hash UNIQUE,
        requests_per_minute bigint,
        requests_per_hour bigint,
        requests_per_day bigint,
        tokens_per_minute bigint,
        concurrency integer,
        monthly_budget_nanos bigint,
        scopes jsonb,
        models jsonb,
        providers jsonb,
        networks jsonb,
        tags jsonb,
        expires_at timestamptz,
        revoked_at timestamptz,
        created_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ix_api_keys_org_id ON api_keys (org_id)",
    """
    CREATE TABLE usage_events (
        id text NOT NULL,
        created_at timestamptz NOT NULL,
        org_id text NOT NULL,
        key_id text NOT NULL,
        project_id text,
        operation text NOT NULL,
        dialect text NOT NULL,
        model text NOT NULL,
        provider text,
        served_model text,
        outcome text NOT NULL,
        status integer NOT NULL,
        error_code text,
        stream boolean NOT NULL,
        prompt_tokens bigint NOT NULL,
        completion_tokens bigint NOT NULL,
        cached_tokens bigint NOT NULL,
        cache_write_tokens bigint NOT NULL,
        reasoning_tokens bigint NOT NULL,
        cost_nanos bigint,
        charge_nanos bigint,
        list_cost_nanos bigint,
        price_version text,
        usage_source text NOT NULL,
        cache text NOT NULL,
        test boolean NOT NULL,
        duration_ms integer NOT NULL,
        first_token_ms integer,
        attempts jsonb NOT NULL,
        plan jsonb NOT NULL,
        tags jsonb NOT NULL,
        CONSTRAINT pk_usage_events PRIMARY KEY (id, created_at)
    ) PARTITION BY RANGE (created_at)
    """,
    "CREATE INDEX ix_usage_events_org_id_created_at ON usage_events (org_id, created_at DESC)",
    # Nothing is ever lost for want of a partition; the months' own are made as time goes on.
    "CREATE TABLE usage_events_rest PARTITION OF usage_events DEFAULT",
)
