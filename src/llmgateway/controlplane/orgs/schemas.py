"""What is said about organisations, the people in them, and their projects."""

from datetime import datetime

from pydantic import BaseModel, Field

from llmgateway.controlplane.accounts.schemas import Profile
from llmgateway.controlplane.plans.service import RateLimits
from llmgateway.controlplane.reception.bodies import Body, Cap, Email, Name, Secret, Shown, Whole
from llmgateway.controlplane.reception.budgets import Budgets, BudgetsShown
from llmgateway.controlplane.reception.permissions import OrgRole, Permission


class NewOrg(Body):
    """A name; the slug is made of it."""

    name: Name


class OrgChange(Body):
    """What is given is changed."""

    name: Name | None = None
    slug: str | None = Field(None, pattern=r"^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$", description="Part of addresses.")
    cache_seconds: Whole | None = Field(None, ge=0, le=31_536_000, description="How long answers are kept; 0 is off.")
    budgets: Budgets | None = Field(None, description="For all keys together.")


class Deletion(BaseModel):
    """What its owner agrees to."""

    give_up_credit: bool = Field(
        default=False, description="Needed where prepaid credit is left: 409 `credit_left` says how much would be lost."
    )


class OrgShown(Shown):
    """An organisation."""

    id: str
    slug: str
    name: str
    plan: str
    created_at: datetime
    suspended_at: datetime | None
    deletes_at: datetime | None
    cache_seconds: int | None
    budgets: BudgetsShown
    rates: RateLimits = Field(description="What its plan lets all keys together do.")
    key_rates: RateLimits = Field(description="What its plan gives a key that is given no limits of its own.")


class MyOrg(Shown):
    """An organisation that you are in, and what you may do there."""

    id: str
    slug: str
    name: str
    plan: str
    role: OrgRole
    permissions: list[Permission]
    suspended_at: datetime | None
    deletes_at: datetime | None


class Me(Shown):
    """You, and where you belong."""

    user: Profile
    orgs: list[MyOrg]


class MemberShown(Shown):
    """Somebody in the organisation."""

    user_id: str
    email: str
    name: str
    role: OrgRole
    joined_at: datetime


class RoleChange(Body):
    """What somebody shall be."""

    role: OrgRole


class Transfer(Body):
    """Who shall own the organisation."""

    user_id: str = Field(max_length=100)


class NewInvitation(Body):
    """Whom to invite, and as what."""

    email: Email
    role: OrgRole = OrgRole.MEMBER


class InvitationShown(Shown):
    """An invitation; its link is only in the mail."""

    id: str
    email: str
    role: OrgRole
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class Acceptance(Body):
    """What the invitation's mail carried."""

    token: Secret


class InvitationSeen(Shown):
    """An invitation, to whoever holds its link."""

    organisation: str
    email: str
    role: OrgRole
    expires_at: datetime


class ProjectLimits(Body):
    """Caps for all keys of a project together; null is no limit."""

    requests_per_minute: Cap | None = None
    requests_per_hour: Cap | None = None
    requests_per_day: Cap | None = None
    tokens_per_minute: Cap | None = None
    concurrency: Cap | None = Field(None, le=1_000_000)
    budgets: Budgets | None = None


class NewProject(ProjectLimits):
    """A project."""

    name: Name


class ProjectChange(ProjectLimits):
    """What is given is changed."""

    name: Name | None = None


class ProjectShown(Shown):
    """A project."""

    id: str
    name: str
    created_at: datetime
    requests_per_minute: int | None
    requests_per_hour: int | None
    requests_per_day: int | None
    tokens_per_minute: int | None
    concurrency: int | None
    budgets: BudgetsShown
