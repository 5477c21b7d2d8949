"""The roles of an organisation's members, and the one table of the permissions that each has."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class OrgRole(StrEnum):
    """The role of a member of an organisation, from least to most."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"


class Permission(StrEnum):
    """What a route requires of a member's role."""

    ORG_READ = "org:read"
    ORG_WRITE = "org:write"
    ORG_LEAVE = "org:leave"
    ORG_DELETE = "org:delete"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    KEYS_READ = "keys:read"
    KEYS_CREATE = "keys:create"
    """Make keys, and change or revoke one's own: never beyond the limits that somebody with `keys:manage` set."""
    KEYS_MANAGE = "keys:manage"
    """Change or revoke anybody's keys."""
    CREDENTIALS_READ = "credentials:read"
    CREDENTIALS_WRITE = "credentials:write"
    ROUTES_READ = "routes:read"
    ROUTES_WRITE = "routes:write"
    POLICY_READ = "policy:read"
    POLICY_WRITE = "policy:write"
    USAGE_READ = "usage:read"
    CONTENT_READ = "content:read"
    BILLING_READ = "billing:read"
    BILLING_WRITE = "billing:write"
    AUDIT_READ = "audit:read"
    EXPORT = "org:export"


_VIEWER: Final = frozenset(
    {
        Permission.ORG_READ,
        Permission.ORG_LEAVE,
        Permission.MEMBERS_READ,
        Permission.PROJECTS_READ,
        Permission.KEYS_READ,
        Permission.ROUTES_READ,
        Permission.POLICY_READ,
        Permission.USAGE_READ,
    }
)
_MEMBER: Final = _VIEWER | {Permission.KEYS_CREATE}
_ADMIN: Final = frozenset(Permission) - {Permission.ORG_DELETE}

ROLES: Final[Mapping[OrgRole, frozenset[Permission]]] = {
    OrgRole.VIEWER: _VIEWER,
    OrgRole.MEMBER: _MEMBER,
    OrgRole.ADMIN: _ADMIN,
    OrgRole.OWNER: frozenset(Permission),
}
"""The table. Beyond it: only owners make, change or remove owners, and the last owner cannot go."""
EVEN_CLOSED: Final = frozenset({Permission.ORG_LEAVE, Permission.ORG_DELETE, Permission.BILLING_WRITE})
"""Permissions to change something that hold even in an organisation that is suspended or being deleted.

Who pays can end that and pay what is owed; routes that would take more money refuse it themselves.
"""


def outranks(role: OrgRole, other: OrgRole) -> bool:
    """Whether a role may give or take the other: owners any, others only what is below an owner."""
    return role is OrgRole.OWNER or other is not OrgRole.OWNER
