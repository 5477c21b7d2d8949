"""/orgs/{org}/keys: API keys are made, listed, changed, rotated and revoked."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path

from llmgateway.contract.channels import KeyChanged
from llmgateway.contract.snapshot import Limits
from llmgateway.controlplane.audit.service import note
from llmgateway.controlplane.keys import service
from llmgateway.controlplane.keys.governing import check_tighter, governed_after, governed_fields
from llmgateway.controlplane.keys.schemas import (
    KeyChange,
    KeyLimits,
    KeyRules,
    KeyShown,
    LimitsShown,
    MadeKey,
    NewKey,
    Rotation,
    SecretShown,
    plain,
)
from llmgateway.controlplane.orgs import projects
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.budgets import budget_changes, budget_columns, budgets_shown
from llmgateway.controlplane.reception.listing import PageWish, newest_first
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.db.models.api_keys import ApiKey, KeySecret
from llmgateway.db.tenancy import owned
from llmgateway.errors import BadRequest, Conflict, Forbidden, NotFound
from llmgateway.kit.pages import Page, page_of

router = APIRouter(prefix="/orgs/{org}/keys", tags=["keys"])

KeyId = Annotated[str, Path(max_length=100)]
_COLUMNS = {
    "allowed_models": "models",
    "allowed_providers": "providers",
    "allowed_addresses": "networks",
}
"""Fields of the API whose columns have other names."""
_KEPT_APART = {"limits", "budgets", "name"}
"""Fields that are no rules of one column."""


@router.get("")
async def list_keys(visit: Annotated[Visit, Requires(Permission.KEYS_READ)], paging: PageWish) -> Page[KeyShown]:
    """Newest first, revoked ones too."""
    rows = [row for (row,) in await newest_first(visit.tx, owned(ApiKey, visit.org.id), ApiKey.id, paging)]
    secrets = await service.secrets_of(visit.tx, rows)
    return page_of(rows, paging.limit, lambda row: _shown(row, secrets.get(row.id, ())), lambda row: row.id)


@router.post("", status_code=201)
async def create_key(visit: Annotated[Visit, Requires(Permission.KEYS_CREATE)], body: NewKey) -> MadeKey:
    """A key. Its secret is in the answer, this once."""
    await _check(visit, body)
    secret = service.new_secret(test=body.test)
    limits = body.limits or KeyLimits()
    columns = {**budget_columns(body.budgets), **_rules(body.model_dump(exclude=_KEPT_APART | {"test"}))}
    wish = service.KeyWish(
        name=body.name,
        test=body.test,
        limits=_limits(limits),
        created_by=visit.user.id,
        governed=governed_after((), columns | limits.model_dump()) if visit.may(Permission.KEYS_MANAGE) else (),
        **columns,
    )
    key = await service.create(visit.tx, visit.deps.clock, visit.org, visit.deps.pepper, wish, secret)
    shown = await _with_secrets(visit, key)
    await note(visit, "key.create", key.id, after=plain(shown.model_dump(mode="json")))
    return MadeKey(**shown.model_dump(), key=secret)


@router.get("/{key_id}")
async def get_key(visit: Annotated[Visit, Requires(Permission.KEYS_READ)], key_id: KeyId) -> KeyShown:
    """One key."""
    key = await _find(visit, key_id)
    return await _with_secrets(visit, key)


@router.patch("/{key_id}")
async def change_key(
    visit: Annotated[Visit, Requires(Permission.KEYS_CREATE)], key_id: KeyId, body: KeyChange
) -> KeyShown:
    """Change what is given, in every process at once. Who made the key does not lift what somebody who manages keys set."""
    key = await _mine(visit, key_id)
    if key.revoked_at is not None:
        raise Conflict("This key is revoked. Make another one.")
    await _check(visit, body)
    secrets = (await service.secrets_of(visit.tx, [key])).get(key.id, ())
    before = _shown(key, secrets)
    for name, value in _changes(visit, key, body).items():
        setattr(key, name, value)
    await visit.tx.flush()
    await announce(visit.tx, KeyChanged(key.id, None))
    after = _shown(key, secrets)
    await _note_change(visit, before, after)
    return after


@router.post("/{key_id}/rotate", status_code=201)
async def rotate_key(
    visit: Annotated[Visit, Requires(Permission.KEYS_CREATE)], key_id: KeyId, body: Rotation
) -> MadeKey:
    """A new secret, in the answer this once; the old one works on for the overlap."""
    key = await _mine(visit, key_id)
    overlap = timedelta(seconds=body.overlap_seconds)
    secret = await service.rotate(visit.tx, visit.deps.clock, key, visit.deps.pepper, overlap)
    shown = await _with_secrets(visit, key)
    await note(visit, "key.rotate", key.id, after={"overlap_seconds": body.overlap_seconds})
    return MadeKey(**shown.model_dump(), key=secret)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(visit: Annotated[Visit, Requires(Permission.KEYS_CREATE)], key_id: KeyId) -> None:
    """End it for good, everywhere at once."""
    key = await _mine(visit, key_id)
    await service.end(visit.tx, visit.deps.clock, key)
    await note(visit, "key.revoke", key.id)


async def _find(visit: Visit, key_id: str, *, locked: bool = False) -> ApiKey:
    """A key of the organisation. Raises NotFound."""
    query = owned(ApiKey, visit.org.id).where(ApiKey.id == key_id)
    key = await visit.tx.scalar(query.with_for_update() if locked else query)
    if key is None:
        raise NotFound("There is no such key here. GET /api/v1/orgs/{org}/keys lists them.")
    return key


async def _mine(visit: Visit, key_id: str) -> ApiKey:
    """A key that the visitor may change, and nobody else until then. Raises NotFound and Forbidden."""
    key = await _find(visit, key_id, locked=True)
    if key.created_by != visit.user.id and not visit.may(Permission.KEYS_MANAGE):
        raise Forbidden("This key is somebody else's. An admin can change it.", code="permission_denied")
    return key


async def _check(visit: Visit, body: KeyRules) -> None:
    """What can be wrong about rules beyond their form. Raises NotFound and BadRequest."""
    if body.project_id is not None:
        await projects.find(visit, body.project_id)
    if body.expires_at is not None and body.expires_at <= visit.deps.clock.now():
        raise BadRequest("expires_at lies in the past.", param="expires_at")


async def _note_change(visit: Visit, before: KeyShown, after: KeyShown) -> None:
    """Note in the trail what differs."""
    old, new = plain(before.model_dump(mode="json")), plain(after.model_dump(mode="json"))
    changed = [name for name in new if new[name] != old[name]]
    await note(
        visit,
        "key.change",
        after.id,
        before={name: old[name] for name in changed},
        after={name: new[name] for name in changed},
    )


def _changes(visit: Visit, key: ApiKey, body: KeyChange) -> dict[str, Any]:
    """The columns that a change sets. Raises Forbidden where the visitor may not lift what stands there."""
    columns = _rules(body.model_dump(exclude=_KEPT_APART, exclude_unset=True))
    if body.name is not None:
        columns["name"] = body.name
    if "limits" in body.model_fields_set:
        given = (
            dict.fromkeys(KeyLimits.model_fields) if body.limits is None else body.limits.model_dump(exclude_unset=True)
        )
        limits = service.limits_in(visit.org, Limits(**given))
        columns |= {name: getattr(limits, name) for name in given}
    if "budgets" in body.model_fields_set:
        columns |= budget_changes(key, body.budgets)
    if visit.may(Permission.KEYS_MANAGE):
        return {**columns, "governed": governed_after(key.governed, columns)}
    check_tighter(key, columns)
    return columns


def _rules(given: dict[str, Any]) -> dict[str, Any]:
    """Fields of the API under the names of their columns."""
    return {_COLUMNS.get(name, name): value for name, value in given.items()}


def _limits(limits: KeyLimits) -> Limits:
    return Limits(**limits.model_dump())


async def _with_secrets(visit: Visit, key: ApiKey) -> KeyShown:
    return _shown(key, (await service.secrets_of(visit.tx, [key])).get(key.id, ()))


def _shown(key: ApiKey, secrets: Sequence[KeySecret]) -> KeyShown:
    return KeyShown(
        id=key.id,
        name=key.name,
        test=key.test,
        prefix=key.prefix,
        last4=key.last4,
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=max((secret.last_used_at for secret in secrets if secret.last_used_at), default=None),
        project_id=key.project_id,
        scopes=key.scopes,
        allowed_models=key.models,
        allowed_providers=key.providers,
        allowed_addresses=key.networks,
        tags=key.tags or [],
        cache_seconds=key.cache_seconds,
        limits=LimitsShown.model_validate(key),
        budgets=budgets_shown(key),
        governed=governed_fields(key),
        secrets=[SecretShown.model_validate(secret) for secret in secrets],
    )
