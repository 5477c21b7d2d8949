"""GET /public/providers: who can be given a key, and what it is made of."""

from fastapi import APIRouter

from llmgateway.controlplane.reception.bodies import Shown
from llmgateway.kit.pages import Page
from llmgateway.providers.registry import PROVIDERS

router = APIRouter(tags=["public"])


class ProviderShown(Shown):
    """A provider that the gateway speaks to."""

    id: str
    title: str
    docs: str
    base_url: str
    secrets: list[str]
    """What its key is made of; empty when it needs none."""
    alternatives: list[list[str]]
    """Other sets of secrets that do as well."""
    needs: list[str]
    """Options that it cannot do without, such as a region."""


@router.get("/public/providers")
async def list_providers() -> Page[ProviderShown]:
    """All providers, and what a credential for each consists of."""
    return Page[ProviderShown](
        data=[
            ProviderShown(
                id=provider.id,
                title=provider.title,
                docs=provider.docs,
                base_url=provider.base_url,
                secrets=list(provider.credential),
                alternatives=[list(names) for names in provider.credential_alternatives],
                needs=list(provider.needs),
            )
            for provider in PROVIDERS
        ]
    )
