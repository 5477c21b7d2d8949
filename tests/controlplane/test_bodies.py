"""What is sent in a body: a flag is `true` or `false`, a number is a number, and a word of one is not guessed at."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from llmgateway.controlplane.reception.bodies import Body
from llmgateway.controlplane.wing import build_api
from tests.controlplane.api import Api, error_of

LOOSE = {"boolean": ("no", "true", 0, 1), "integer": ("5", True)}
"""What looks like one, and is not."""


def _bodies(above: type[Body] = Body) -> Iterator[type[Body]]:
    for body in above.__subclasses__():
        yield body
        yield from _bodies(body)


def _fields() -> Iterator[tuple[type[Body], str, str]]:
    """Every flag and number of every body."""
    build_api("0")  # so that all of them are there
    for body in _bodies():
        for name, shape in body.model_json_schema().get("properties", {}).items():
            kinds = {one.get("type") for one in (shape, *shape.get("anyOf", ()))}
            yield from ((body, name, kind) for kind in sorted(kinds & LOOSE.keys()))


@pytest.mark.parametrize(("body", "name", "kind"), list(_fields()))
def test_a_flag_and_a_number_are_what_they_say(body: type[Body], name: str, kind: str) -> None:
    for value in LOOSE[kind]:
        with pytest.raises(ValidationError) as refused:
            body.model_validate({name: value})
        assert name in {error["loc"][0] for error in refused.value.errors()}, value


async def test_credit_is_not_given_where_its_taking_back_was_said_in_a_word(api: Api) -> None:
    operator = await api.person("op@a.test", operator=True)
    client = await api.as_(operator)
    org = (await client.get(f"/orgs/{await api.org('Acme', operator)}")).json()["id"]
    wish = {"usd": "5", "reference": "note 7", "note": "given twice", "takes_back": "yes"}
    refused = await client.post(f"/admin/orgs/{org}/credit", json=wish)
    assert (refused.status_code, error_of(refused)["param"]) == (400, "takes_back")
    assert (await client.get(f"/admin/orgs/{org}")).json()["credit_usd"] == "0.000000000"
    refused = await client.patch(f"/admin/orgs/{org}", json={"suspended": "off"})
    assert (refused.status_code, error_of(refused)["param"]) == (400, "suspended")


async def test_a_field_that_is_not_there_is_named(api: Api) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    refused = await (await api.as_(owner)).post(f"/orgs/{org}/keys", json={"name": "k", "limits": {"rpm": 5}})
    assert (refused.status_code, error_of(refused)["param"]) == (400, "limits.rpm")
    assert error_of(refused)["message"] == "limits.rpm: there is no such field here. See /api/v1/openapi.json."
