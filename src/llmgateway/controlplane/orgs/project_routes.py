"""/orgs/{org}/projects."""

from typing import Annotated

from fastapi import APIRouter, Path

from llmgateway.controlplane.audit.service import note
from llmgateway.controlplane.orgs import projects
from llmgateway.controlplane.orgs.schemas import NewProject, ProjectChange, ProjectShown
from llmgateway.controlplane.reception.budgets import budgets_shown
from llmgateway.controlplane.reception.listing import PageWish, newest_first
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.db.models.organisations import Project
from llmgateway.db.tenancy import owned
from llmgateway.kit.pages import Page, page_of

router = APIRouter(prefix="/orgs/{org}/projects", tags=["projects"])

ProjectId = Annotated[str, Path(max_length=100)]


@router.get("")
async def list_projects(
    visit: Annotated[Visit, Requires(Permission.PROJECTS_READ)], paging: PageWish
) -> Page[ProjectShown]:
    """Newest first."""
    rows = [row for (row,) in await newest_first(visit.tx, owned(Project, visit.org.id), Project.id, paging)]
    return page_of(rows, paging.limit, _shown, lambda row: row.id)


@router.post("", status_code=201)
async def create_project(
    visit: Annotated[Visit, Requires(Permission.PROJECTS_WRITE)], body: NewProject
) -> ProjectShown:
    """A project; keys are put into it when they are made or changed."""
    project = await projects.create(visit, body)
    await note(visit, "project.create", project.id, after={"name": project.name})
    return _shown(project)


@router.get("/{project_id}")
async def get_project(
    visit: Annotated[Visit, Requires(Permission.PROJECTS_READ)], project_id: ProjectId
) -> ProjectShown:
    """One project."""
    return _shown(await projects.find(visit, project_id))


@router.patch("/{project_id}")
async def change_project(
    visit: Annotated[Visit, Requires(Permission.PROJECTS_WRITE)], project_id: ProjectId, body: ProjectChange
) -> ProjectShown:
    """Change what is given; a limit of null is no limit, budgets of null are none."""
    before = _shown(await projects.find(visit, project_id)).model_dump(mode="json")
    after = _shown(await projects.change(visit, project_id, body))
    await note(visit, "project.change", project_id, before=before, after=after.model_dump(mode="json"))
    return after


@router.delete("/{project_id}", status_code=204)
async def remove_project(visit: Annotated[Visit, Requires(Permission.PROJECTS_WRITE)], project_id: ProjectId) -> None:
    """An empty project: while keys that are not revoked are in it, it is refused."""
    project = await projects.remove(visit, project_id)
    await note(visit, "project.remove", project_id, before={"name": project.name})


def _shown(project: Project) -> ProjectShown:
    return ProjectShown(
        id=project.id,
        name=project.name,
        created_at=project.created_at,
        requests_per_minute=project.requests_per_minute,
        requests_per_hour=project.requests_per_hour,
        requests_per_day=project.requests_per_day,
        tokens_per_minute=project.tokens_per_minute,
        concurrency=project.concurrency,
        budgets=budgets_shown(project),
    )
