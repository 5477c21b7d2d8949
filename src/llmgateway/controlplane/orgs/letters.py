"""The mails that organisations send."""

from llmgateway.controlplane.reception.visits import Visit
from llmgateway.db.models.organisations import Invitation
from llmgateway.kit.mail import Mail


def invitation(invited: Invitation, visit: Visit, token: str) -> Mail:
    """You are invited."""
    text = (
        f"{visit.user.name or visit.user.email} invites you to {visit.org.name} on llmgateway, as {invited.role}.\n\n"
        f"    {visit.deps.address}/invitation?token={token}\n\nThe link works for a week, and for this address only."
    )
    return Mail(to=invited.email, subject=f"Join {visit.org.name}", text=text)
