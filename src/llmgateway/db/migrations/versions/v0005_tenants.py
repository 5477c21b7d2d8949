"""What a tenant has: projects, invitations, keys with several secrets, provider credentials, routes, policies; the audit trail."""

from alembic import op

revision = "0005"
down_revision = "0004"

_MINE = "org_id = current_setting('app.org_id', true)"
_TENANT = ("projects", "invitations", "key_secrets", "credentials", "routes")

_STATEMENTS = (
    """
    ALTER TABLE organisations
        ADD COLUMN deletes_at timestamptz,
        ADD COLUMN data_key bytea,
        ADD COLUMN policy jsonb NOT NULL DEFAULT '{}',
        ADD COLUMN cache_seconds integer,
        ADD COLUMN monthly_budget_nanos bigint
    """,
    """
    CREATE TABLE projects (
        id text CONSTRAINT pk_projects PRIMARY KEY,
        org_id text NOT NULL CONSTRAINT fk_projects_org_id REFERENCES organisations ON DELETE CASCADE,
        name text NOT NULL,
        requests_per_minute bigint,
        requests_per_hour bigint,
        requests_per_day bigint,
        tokens_per_minute bigint,
        concurrency integer,
        monthly_budget_nanos bigint,
        created_at timestamptz NOT NULL,
        CONSTRAINT uq_projects_org_id_name UNIQUE (org_id, name)
    )
    """,
    """
    CREATE TABLE invitations (
        id text CONSTRAINT pk_invitations PRIMARY KEY,
        org_id text NOT NULL CONSTRAINT fk_invitations_org_id REFERENCES organisations ON DELETE CASCADE,
        email text NOT NULL,
        role text NOT NULL CONSTRAINT ck_invitations_role CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
        token_hash bytea NOT NULL CONSTRAINT uq_invitations_token_hash UNIQUE,
        invited_by text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        accepted_at timestamptz,
        revoked_at timestamptz
    )
    """,
    "CREATE INDEX ix_invitations_org_id ON invitations (org_id, id DESC)",
    """
    ALTER TABLE api_keys
        ADD COLUMN created_by text,
        ADD COLUMN daily_budget_nanos bigint,
        ADD COLUMN total_budget_nanos bigint,
        ADD COLUMN hard_budget boolean NOT NULL DEFAULT true,
        ADD COLUMN cache_seconds integer
    """,
    "CREATE INDEX ix_api_keys_org_id_id ON api_keys (org_id, id DESC)",
    "DROP INDEX ix_api_keys_org_id",
    """
    CREATE TABLE key_secrets (
        id text CONSTRAINT pk_key_secrets PRIMARY KEY,
        key_id text NOT NULL CONSTRAINT fk_key_secrets_key_id REFERENCES api_keys ON DELETE CASCADE,
        org_id text NOT NULL,
        secret_hash bytea NOT NULL CONSTRAINT uq_key_secrets_secret_hash UNIQUE,
        prefix text NOT NULL,
        last4 text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        last_used_at timestamptz
    )
    """,
    "CREATE INDEX ix_key_secrets_key_id ON key_secrets (key_id)",
    """
    INSERT INTO key_secrets (id, key_id, org_id, secret_hash, prefix, last4, created_at)
        SELECT 'sec' || substr(id, 4), id, org_id, secret_hash, prefix, last4, created_at FROM api_keys
    """,
    "ALTER TABLE api_keys DROP COLUMN secret_hash",
    """
    CREATE TABLE credentials (
        id text CONSTRAINT pk_credentials PRIMARY KEY,
        org_id text NOT NULL CONSTRAINT fk_credentials_org_id REFERENCES organisations ON DELETE CASCADE,
        provider text NOT NULL,
        name text NOT NULL,
        sealed bytea NOT NULL,
        last4 text NOT NULL,
        base_url text,
        options jsonb NOT NULL DEFAULT '{}',
        created_by text NOT NULL,
        created_at timestamptz NOT NULL,
        checked_at timestamptz,
        check_result text
    )
    """,
    "CREATE INDEX ix_credentials_org_id ON credentials (org_id, id DESC)",
    """
    CREATE TABLE routes (
        id text CONSTRAINT pk_routes PRIMARY KEY,
        org_id text NOT NULL CONSTRAINT fk_routes_org_id REFERENCES organisations ON DELETE CASCADE,
        alias text NOT NULL,
        definition jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT uq_routes_org_id_alias UNIQUE (org_id, alias)
    )
    """,
    """
    CREATE TABLE audit_events (
        id text CONSTRAINT pk_audit_events PRIMARY KEY,
        org_id text,
        actor_id text,
        actor_kind text NOT NULL,
        action text NOT NULL,
        target text,
        before jsonb,
        after jsonb,
        address text,
        created_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ix_audit_events_org_id ON audit_events (org_id, id DESC)",
    """
    CREATE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END
    $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()
    """,
    *(f"CREATE POLICY app_own ON {table} TO llmgateway_app USING ({_MINE})" for table in (*_TENANT, "audit_events")),
    """
    CREATE POLICY app_self ON audit_events TO llmgateway_app
        USING (org_id IS NULL AND actor_id = current_setting('app.user_id', true))
    """,
    *(
        f"CREATE POLICY everything ON {table} TO llmgateway_admin, llmgateway_owner, llmgateway_worker "
        "USING (true) WITH CHECK (true)"
        for table in (*_TENANT, "audit_events")
    ),
    *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in (*_TENANT, "audit_events")),
    *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in (*_TENANT, "audit_events")),
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(_TENANT)} TO llmgateway_app, llmgateway_admin",
    "GRANT INSERT (id, name, slug, plan, created_at) ON organisations TO llmgateway_app",
    "GRANT UPDATE (deletes_at, data_key, policy, cache_seconds, monthly_budget_nanos) ON organisations TO llmgateway_app",
    "GRANT SELECT, INSERT ON audit_events TO llmgateway_app, llmgateway_admin, llmgateway_worker",
    f"GRANT SELECT, DELETE ON organisations, members, api_keys, {', '.join(_TENANT)} TO llmgateway_worker",
    "CREATE POLICY worker_ends ON organisations FOR DELETE TO llmgateway_worker USING (true)",
    "CREATE POLICY worker_ends ON members FOR DELETE TO llmgateway_worker USING (true)",
    "CREATE POLICY worker_ends ON api_keys FOR DELETE TO llmgateway_worker USING (true)",
    *(f"CREATE POLICY lookup_reads ON {table} FOR SELECT TO llmgateway_lookup USING (true)" for table in _TENANT),
    "CREATE POLICY lookup_notes ON key_secrets FOR UPDATE TO llmgateway_lookup USING (true)",
    f"GRANT SELECT ON {', '.join(_TENANT)} TO llmgateway_lookup",
    "GRANT UPDATE (last_used_at) ON key_secrets TO llmgateway_lookup",
)


def upgrade() -> None:
    """Make them."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Keys keep their newest secret only."""
    op.execute("ALTER TABLE api_keys ADD COLUMN secret_hash bytea")
    op.execute(
        "UPDATE api_keys k SET secret_hash = (SELECT s.secret_hash FROM key_secrets s WHERE s.key_id = k.id "
        "ORDER BY s.id DESC LIMIT 1)"
    )
    op.execute("ALTER TABLE api_keys ALTER COLUMN secret_hash SET NOT NULL")
    op.execute("ALTER TABLE api_keys ADD CONSTRAINT uq_api_keys_secret_hash UNIQUE (secret_hash)")
    op.execute("DROP INDEX ix_api_keys_org_id_id")
    op.execute("CREATE INDEX ix_api_keys_org_id ON api_keys (org_id)")
    for table in ("organisations", "members", "api_keys"):
        op.execute(f"DROP POLICY worker_ends ON {table}")
    for table in ("audit_events", "routes", "credentials", "key_secrets", "invitations", "projects"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION forbid_change()")
    op.execute(
        "ALTER TABLE api_keys DROP COLUMN created_by, DROP COLUMN daily_budget_nanos, DROP COLUMN total_budget_nanos, "
        "DROP COLUMN hard_budget, DROP COLUMN cache_seconds"
    )
    op.execute(
        "ALTER TABLE organisations DROP COLUMN deletes_at, DROP COLUMN data_key, DROP COLUMN policy, "
        "DROP COLUMN cache_seconds, DROP COLUMN monthly_budget_nanos"
    )
