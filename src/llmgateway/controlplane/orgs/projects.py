"""Projects: parts of an organisation with limits of their own."""

from typing import Any

from sqlalchemy import func, select, update

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.orgs.schemas import NewProject, ProjectChange, ProjectLimits
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.budgets import budget_changes, budget_columns
from llmgateway.controlplane.reception.visits import Visit
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.organisations import Project
from llmgateway.db.tenancy import owned
from llmgateway.errors import Conflict, NotFound
from llmgateway.kit.ids import new_id

_MOST = 500


async def create(visit: Visit, body: NewProject) -> Project:
    """Create a project. Raises Conflict for a name that is taken, and when there are too many."""
    await _check_name(visit, body.name, None)
    count = await visit.tx.scalar(select(func.count()).select_from(owned(Project, visit.org.id).subquery()))
    if (count or 0) >= _MOST:
        raise Conflict(f"An organisation has at most {_MOST} projects.")
    now = visit.deps.clock.now()
    project = Project(id=new_id("proj", now), org_id=visit.org.id, created_at=now, **_columns(body))
    visit.tx.add(project)
    await visit.tx.flush()
    return project


async def find(visit: Visit, project_id: str) -> Project:
    """A project by its id. Raises NotFound."""
    project = await visit.tx.scalar(owned(Project, visit.org.id).where(Project.id == project_id))
    if project is None:
        raise NotFound("There is no such project here. GET /api/v1/orgs/{org}/projects lists them.", param="project_id")
    return project


async def change(visit: Visit, project_id: str, body: ProjectChange) -> Project:
    """Change the given fields. Raises NotFound, and Conflict for a name that is taken."""
    project = await find(visit, project_id)
    columns = _columns(body)
    if "budgets" in body.model_fields_set:
        columns |= budget_changes(project, body.budgets)
    if body.name is not None:
        await _check_name(visit, body.name, project.id)
    else:
        columns.pop("name", None)
    for name, value in columns.items():
        setattr(project, name, value)
    await visit.tx.flush()
    await announce(visit.tx, KeyChanged(None, visit.org.id))
    return project


async def remove(visit: Visit, project_id: str) -> Project:
    """Delete a project; its revoked keys stay, without one. Raises NotFound, and Conflict while it has other keys."""
    project = await find(visit, project_id)
    await _check_empty(visit, project_id)
    await visit.tx.execute(
        update(ApiKey).where(ApiKey.org_id == visit.org.id, ApiKey.project_id == project_id).values(project_id=None)
    )
    await visit.tx.delete(project)
    await visit.tx.flush()
    await announce(visit.tx, KeyChanged(None, visit.org.id))
    return project


async def _check_empty(visit: Visit, project_id: str) -> None:
    """Expired keys count: they may be given another date."""
    inside = owned(ApiKey, visit.org.id).where(ApiKey.project_id == project_id, ApiKey.revoked_at.is_(None))
    count = await visit.tx.scalar(select(func.count()).select_from(inside.subquery())) or 0
    if count:
        keys, them = ("1 key", "it") if count == 1 else (f"{count} keys", "them")
        raise Conflict(
            f"This project holds {keys} that would lose its budgets and limits. Move {them} to another project, "
            f"or revoke {them}, first."
        )


async def _check_name(visit: Visit, name: str, but: str | None) -> None:
    taken = owned(Project, visit.org.id).where(Project.name == name)
    if but is not None:
        taken = taken.where(Project.id != but)
    if await visit.tx.scalar(taken.limit(1)) is not None:
        raise Conflict("A project of this name is here already.", param="name")


def _columns(body: ProjectLimits) -> dict[str, Any]:
    """The columns that a body sets: those that it gives."""
    columns = body.model_dump(exclude_unset=True, exclude={"budgets"})
    return {**columns, **budget_columns(body.budgets)} if "budgets" in body.model_fields_set else columns
