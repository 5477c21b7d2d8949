"""People: profiles apart from secrets, sessions, one-time tickets, and the outbox of mail."""

from alembic import op

revision = "0004"
down_revision = "0003"

_ME = "current_setting('app.user_id', true)"
_OWN = ("logins", "sessions", "refresh_tokens", "tickets")

_STATEMENTS = (
    """
    ALTER TABLE users
        ADD COLUMN name text NOT NULL DEFAULT '',
        ADD COLUMN email_verified_at timestamptz,
        ADD COLUMN operator boolean NOT NULL DEFAULT false
    """,
    """
    CREATE TABLE logins (
        user_id text CONSTRAINT pk_logins PRIMARY KEY CONSTRAINT fk_logins_user_id REFERENCES users ON DELETE CASCADE,
        password_hash text NOT NULL,
        totp_secret bytea,
        totp_confirmed_at timestamptz,
        totp_last_step bigint,
        recovery_hashes jsonb NOT NULL DEFAULT '[]'
    )
    """,
    "INSERT INTO logins (user_id, password_hash) SELECT id, password_hash FROM users",
    "UPDATE users SET email_verified_at = created_at",
    "ALTER TABLE users DROP COLUMN password_hash",
    """
    CREATE TABLE sessions (
        id text CONSTRAINT pk_sessions PRIMARY KEY,
        user_id text NOT NULL CONSTRAINT fk_sessions_user_id REFERENCES users ON DELETE CASCADE,
        address text NOT NULL,
        agent text NOT NULL,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz
    )
    """,
    "CREATE INDEX ix_sessions_user_id ON sessions (user_id, id DESC)",
    """
    CREATE TABLE refresh_tokens (
        token_hash bytea CONSTRAINT pk_refresh_tokens PRIMARY KEY,
        session_id text NOT NULL CONSTRAINT fk_refresh_tokens_session_id REFERENCES sessions ON DELETE CASCADE,
        user_id text NOT NULL,
        created_at timestamptz NOT NULL,
        used_at timestamptz
    )
    """,
    """
    CREATE TABLE tickets (
        token_hash bytea CONSTRAINT pk_tickets PRIMARY KEY,
        kind text NOT NULL CONSTRAINT ck_tickets_kind CHECK (kind IN ('verify', 'reset', 'email')),
        user_id text NOT NULL CONSTRAINT fk_tickets_user_id REFERENCES users ON DELETE CASCADE,
        email text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        used_at timestamptz
    )
    """,
    "CREATE INDEX ix_tickets_user_id ON tickets (user_id)",
    """
    CREATE TABLE outbox (
        id text CONSTRAINT pk_outbox PRIMARY KEY,
        recipient text NOT NULL,
        subject text NOT NULL,
        body text NOT NULL,
        created_at timestamptz NOT NULL,
        tries integer NOT NULL DEFAULT 0,
        next_try_at timestamptz NOT NULL
    )
    """,
    # A person sees and changes what is theirs, and the organisations they are in.
    f"CREATE POLICY app_self ON users TO llmgateway_app USING (id = {_ME})",
    f"CREATE POLICY app_mine ON members FOR SELECT TO llmgateway_app USING (user_id = {_ME})",
    f"""
    CREATE POLICY app_mine ON organisations FOR SELECT TO llmgateway_app
        USING (EXISTS (SELECT FROM members m WHERE m.org_id = organisations.id AND m.user_id = {_ME}))
    """,
    *(f"CREATE POLICY app_self ON {table} TO llmgateway_app USING (user_id = {_ME})" for table in _OWN),
    "CREATE POLICY app_sends ON outbox FOR INSERT TO llmgateway_app WITH CHECK (true)",
    *(
        f"CREATE POLICY everything ON {table} TO llmgateway_admin, llmgateway_owner, llmgateway_worker "
        "USING (true) WITH CHECK (true)"
        for table in (*_OWN, "outbox")
    ),
    *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in (*_OWN, "outbox")),
    *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in (*_OWN, "outbox")),
    "GRANT SELECT (name, email_verified_at, operator) ON users TO llmgateway_app",
    "GRANT INSERT (id, email, name, email_verified_at, created_at) ON users TO llmgateway_app",
    "GRANT UPDATE (name, email, email_verified_at) ON users TO llmgateway_app",
    "GRANT SELECT, INSERT, UPDATE ON logins, sessions, refresh_tokens, tickets TO llmgateway_app",
    "GRANT INSERT ON outbox TO llmgateway_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON logins, sessions, refresh_tokens, tickets, outbox TO llmgateway_admin",
    "GRANT SELECT, UPDATE, DELETE ON outbox TO llmgateway_worker",
    "GRANT SELECT, DELETE ON sessions, refresh_tokens, tickets TO llmgateway_worker",
    "GRANT SELECT (id, email, name) ON users TO llmgateway_worker",
    # lookup: what its functions need to find somebody before anybody is known.
    *(
        f"CREATE POLICY lookup_reads ON {table} FOR SELECT TO llmgateway_lookup USING (true)"
        for table in ("users", *_OWN)
    ),
    "GRANT SELECT ON users, logins, sessions, refresh_tokens, tickets TO llmgateway_lookup",
)


def upgrade() -> None:
    """Make them."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Put the password back where it was."""
    op.execute("ALTER TABLE users ADD COLUMN password_hash text")
    op.execute("UPDATE users SET password_hash = (SELECT l.password_hash FROM logins l WHERE l.user_id = users.id)")
    op.execute("ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL")
    for policy, table in (
        ("app_self", "users"),
        ("lookup_reads", "users"),
        ("app_mine", "members"),
        ("app_mine", "organisations"),
    ):
        op.execute(f"DROP POLICY {policy} ON {table}")
    for table in ("outbox", "tickets", "refresh_tokens", "sessions", "logins"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE users DROP COLUMN name, DROP COLUMN email_verified_at, DROP COLUMN operator")
