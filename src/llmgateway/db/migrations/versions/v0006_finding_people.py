"""Definer functions for people who are not known yet, and the key's snapshot with all that its organisation decides."""

from alembic import op

revision = "0006"
down_revision = "0005"

_OLD_SNAPSHOT = """
    CREATE OR REPLACE FUNCTION key_snapshot(secret bytea)
    RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        SELECT jsonb_build_object('key', to_jsonb(k) - 'secret_hash', 'org', to_jsonb(o))
        FROM api_keys k JOIN organisations o ON o.id = k.org_id
        WHERE k.secret_hash = secret
    $$
"""

_SNAPSHOT = """
    CREATE OR REPLACE FUNCTION key_snapshot(secret bytea)
    RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        SELECT jsonb_build_object(
            'key', to_jsonb(k),
            'secret', jsonb_build_object('id', s.id, 'expires_at', s.expires_at),
            'project', to_jsonb(p),
            'org', to_jsonb(o),
            'routes', (SELECT jsonb_agg(to_jsonb(r)) FROM routes r WHERE r.org_id = o.id),
            'credentials', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM credentials c WHERE c.org_id = o.id))
        FROM key_secrets s
        JOIN api_keys k ON k.id = s.key_id
        JOIN organisations o ON o.id = k.org_id
        LEFT JOIN projects p ON p.id = k.project_id
        WHERE s.secret_hash = secret
    $$
"""

_FUNCTIONS = (
    # login: somebody by their address; null when there is nobody.
    (
        "find_login(address text)",
        "llmgateway_app",
        """
        RETURNS jsonb LANGUAGE sql STABLE AS $$
            SELECT jsonb_build_object('user_id', u.id, 'verified', u.email_verified_at IS NOT NULL,
                'password_hash', l.password_hash)
            FROM users u JOIN logins l ON l.user_id = u.id WHERE u.email = address
        $$
        """,
    ),
    # refresh: whose token it is, used or not; null when it is nobody's.
    (
        "find_refresh(token bytea)",
        "llmgateway_app",
        """
        RETURNS jsonb LANGUAGE sql STABLE AS $$
            SELECT jsonb_build_object('user_id', t.user_id, 'session_id', t.session_id)
            FROM refresh_tokens t WHERE t.token_hash = token
        $$
        """,
    ),
    # verify, reset, change of address: whose ticket it is.
    (
        "find_ticket(token bytea)",
        "llmgateway_app",
        "RETURNS text LANGUAGE sql STABLE AS $$ SELECT t.user_id FROM tickets t WHERE t.token_hash = token $$",
    ),
    # invitation: which organisation it leads to.
    (
        "find_invitation(token bytea)",
        "llmgateway_app",
        "RETURNS text LANGUAGE sql STABLE AS $$ SELECT i.org_id FROM invitations i WHERE i.token_hash = token $$",
    ),
    # What the data plane saw of secrets, in batches: {secret id: time}.
    (
        "secrets_used(uses jsonb)",
        "llmgateway_data",
        """
        RETURNS void LANGUAGE sql AS $$
            UPDATE key_secrets s SET last_used_at = greatest(s.last_used_at, u.value::timestamptz)
            FROM jsonb_each_text(uses) u WHERE s.id = u.key
        $$
        """,
    ),
)


def upgrade() -> None:
    """Each with the rights of `lookup`, and for its callers alone."""
    schema = _schema()
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    op.execute(_SNAPSHOT.replace("{schema}", schema))
    for signature, callers, body in _FUNCTIONS:
        op.execute(f"CREATE FUNCTION {signature} {body} SECURITY DEFINER SET search_path = {schema}, pg_temp")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {callers}")
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def downgrade() -> None:
    """Drop them; a SQL function's body is bound late, so the old snapshot may come back before its column does."""
    schema = _schema()
    for signature, _, _ in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("SET LOCAL check_function_bodies = off")
    op.execute(_OLD_SNAPSHOT.replace("{schema}", schema))


def _schema() -> str:
    return str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
