"""Checks the query of a request: a parameter that the route does not have, or that is given twice, is refused and not ignored."""

from collections.abc import Sequence
from typing import cast

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Cookie, Header, Path
from fastapi.routing import APIRoute

from llmgateway.errors import BadRequest


def check_parameters(request: Request) -> None:
    """Raise BadRequest for a query parameter that the route does not have, or that is given more than once."""
    asked = [name for name, _ in request.query_params.multi_items()]
    known = _parameters(cast("APIRoute", request.scope["route"])) if asked else ()
    for name in asked:
        if name not in known:
            there = f"There are {', '.join(f'`{one}`' for one in known)}." if known else "There are none."
            raise BadRequest(f"There is no parameter `{name}` here. {there}", param=name)
        if asked.count(name) > 1:
            raise BadRequest(f"`{name}` is given more than once and can have one value.", param=name)


def _parameters(route: APIRoute) -> Sequence[str]:
    """Names of the route's query parameters, as callers write them."""
    fields = get_flat_params(route.dependant)
    return [field.alias for field in fields if not isinstance(field.field_info, Path | Header | Cookie)]
