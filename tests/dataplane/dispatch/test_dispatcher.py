"""Who is asked next: credentials before targets, targets before retries run out, probes by one request only."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Dialect, Wishes
from llmgateway.contract.snapshot import OrgSnapshot, SealedCredential
from llmgateway.dataplane.dialects.openai.dialect import error_body
from llmgateway.dataplane.inbound import read_wishes
from llmgateway.errors import FailureKind, ProviderError, UpstreamFailed
from tests.dataplane.dispatch.labs import RESPONSE, Labs, Notes, Scene
from tests.dataplane.routing import chat, key


async def test_a_bad_key_is_followed_by_the_next_key_of_the_same_provider() -> None:
    scene = Scene(Labs(a=401))
    served = await scene.ask()
    assert (served.target.credential.id, scene.labs.asked) == ("one/1", ["a", "b"])


async def test_what_is_stored_with_another_key_of_the_provider_is_found_there() -> None:
    scene = Scene(Labs(a="stored", b=200))
    served = await scene.ask()
    assert (served.target.credential.id, scene.labs.asked) == ("one/1", ["a", "b"])
    nowhere = Scene(Labs(a="stored", b="stored", c="stored", d="stored"))
    with pytest.raises(UpstreamFailed) as failed:
        await nowhere.ask()
    assert (failed.value.http_status, failed.value.code) == (400, "invalid_request")


async def test_a_rate_limited_key_is_not_waited_for_while_the_provider_has_another() -> None:
    scene = Scene(Labs(a=429))
    await scene.ask()
    assert scene.labs.asked == ["a", "b"]


async def test_a_rate_limit_says_when_to_ask_again_where_the_provider_did_not() -> None:
    with pytest.raises(UpstreamFailed) as failed:
        await Scene(Labs(a=429, b=429)).ask(chat("alone"))
    assert (failed.value.http_status, failed.value.retry_after) == (429, 1)


async def test_a_rate_limited_key_is_asked_again_when_the_other_one_is_known_to_be_bad() -> None:
    scene = Scene(Labs(a=[429, 200], b=401))
    scene.routing.health.failed(("one/1", "m"), ProviderError(FailureKind.AUTH, "revoked"))
    await scene.ask(chat("alone"))
    assert scene.labs.asked == ["a", "a"]


async def test_a_host_that_is_down_is_not_asked_again_with_its_other_key() -> None:
    scene = Scene(Labs(a=503, b=503))
    served = await scene.ask()
    assert served.target.name == "two/m"
    assert scene.labs.asked == ["a", "a", "a", "c"]


async def test_each_target_keeps_an_attempt_however_long_the_first_ones_are_retried() -> None:
    scene = Scene(Labs(a=503, c=503))
    served = await scene.ask()
    assert served.target.name == "three/m"
    assert scene.labs.asked == ["a", "a", "a", "c", "c", "d"]


async def test_one_failure_that_passes_is_retried_where_it_happened() -> None:
    scene = Scene(Labs(a=[500, 200]))
    served = await scene.ask()
    assert (served.target.name, scene.labs.asked) == ("one/m", ["a", "a"])


@pytest.mark.parametrize("status", [408, 504])
async def test_a_timeout_that_the_provider_tells_is_retried_where_it_happened(status: int) -> None:
    scene = Scene(Labs(a=[status, 200], b=401))
    scene.routing.health.failed(("one/1", "m"), ProviderError(FailureKind.AUTH, "revoked"))
    served = await scene.ask(chat("alone"))
    assert (served.target.credential.id, scene.labs.asked) == ("one/0", ["a", "a"])


async def test_a_prompt_that_is_too_long_is_sent_to_no_target_of_the_same_room() -> None:
    scene = Scene(Labs(a="long", b="long"))
    served = await scene.ask(chat("rooms"))
    assert (served.target.name, scene.labs.asked[1:]) == ("three/m", ["d"])


async def test_a_prompt_that_is_too_long_for_the_largest_room_is_told_as_that() -> None:
    scene = Scene(Labs(a="long", b="long", d="long"))
    with pytest.raises(UpstreamFailed) as failed:
        await scene.ask(chat("rooms"))
    assert (failed.value.http_status, failed.value.code) == (400, "context_length_exceeded")


async def test_without_retries_the_next_target_is_asked_at_once() -> None:
    scene = Scene(Labs(a=500), retries=0)
    await scene.ask()
    assert scene.labs.asked == ["a", "c"]


async def test_what_the_callers_library_retries_itself_is_not_retried_but_goes_to_the_next_target() -> None:
    again = replace(chat(), wishes=Wishes(retries_itself=True))
    scene = Scene(Labs(a=500))
    served = await scene.ask(again)
    assert (served.target.name, scene.labs.asked) == ("two/m", ["a", "c"])


@pytest.mark.parametrize(("count", "again"), [("0", False), ("1", True), ("2", True), ("", False), ("x", False)])
def test_the_callers_library_says_that_it_has_sent_a_request_before(count: str, *, again: bool) -> None:
    assert read_wishes({"x-stainless-retry-count": count}).retries_itself is again


async def test_a_native_code_of_a_bad_request_is_kept_and_a_foreign_one_is_not() -> None:
    for model, code in (("openai/gpt-4.1", "code_e"), ("two/m", None)):
        with pytest.raises(UpstreamFailed) as failed:
            await Scene(Labs(e="code", c="code")).ask(chat(model))
        problem = failed.value
        assert (problem.http_status, problem.code, problem.own_code) == (400, "invalid_request", code)
        told = error_body(problem)["error"]
        assert (told["code"], told["type"]) == (code or "invalid_request", "invalid_request_error")


async def test_a_native_code_never_holds_the_key() -> None:
    with pytest.raises(UpstreamFailed) as failed:
        await Scene(Labs(**{"operators-own-key": "code"})).ask(chat("quoting"))
    problem = failed.value
    assert (problem.own_code, problem.param) == (None, "for ***")


@pytest.mark.parametrize(("status", "told"), [(400, 400), (409, 409), (422, 422), (418, 400)])
async def test_the_status_of_a_bad_request_is_kept_where_it_says_more(status: int, told: int) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        await Scene(Labs(e=status)).ask(chat("openai/gpt-4.1"))
    assert failed.value.http_status == told


async def test_six_attempts_are_the_most_and_all_of_them_are_told() -> None:
    scene = Scene(Labs(a="reset", b="reset", c=503, d=500))
    with pytest.raises(UpstreamFailed) as failed:
        await scene.ask()
    problem = failed.value
    assert (problem.http_status, len(problem.attempts), len(scene.labs.asked)) == (502, 6, 6)
    assert {attempt.provider for attempt in problem.attempts} == {"one", "two", "three"}


async def test_the_limit_for_the_first_token_spares_a_target_that_has_only_other_keys_behind_it() -> None:
    scene = Scene(Labs(a="slow"))
    call = chat("alone")
    served = await scene.ask(call)
    assert (served.target.credential.id, scene.labs.asked) == ("one/0", ["a"])


async def test_another_key_alone_does_not_make_several_targets_so_the_request_goes_as_it_came() -> None:
    scene = Scene(Labs())
    served = await scene.ask(chat("alone"))
    assert served.answer is not None
    assert scene.labs.streamed == [False]


def _response(**fields: Any) -> Call:
    return replace(chat("responses"), dialect=Dialect.RESPONSES, body={"model": "m", "input": "hello", **fields})


async def test_a_whole_response_over_several_targets_is_asked_as_a_stream_so_that_silence_is_noticed() -> None:
    scene = Scene(Labs())
    served = await scene.ask(_response())
    assert served.answer is not None
    assert served.answer.raw == msgspec.json.encode(RESPONSE)
    silent = Scene(Labs(e="slow"))
    assert (await silent.ask(_response())).target.name == "two/m"
    assert (scene.labs.streamed, silent.labs.asked) == ([True], ["e", "c"])


def _broken(scene: Scene, credential: str) -> None:
    for _ in range(5):
        scene.routing.health.failed((credential, "m"), ProviderError(FailureKind.SERVER_ERROR, "down"))


async def test_recovery_is_probed_by_one_of_many_requests_that_come_at_once() -> None:
    scene = Scene(Labs(a="slow", b="slow"))
    for credential in ("one/0", "one/1"):
        _broken(scene, credential)
    scene.routing.clock.advance(20)
    plans = [scene.routing.plan() for _ in range(10)]  # all made before anybody asked
    askings = [scene.dispatcher.asking(chat(), plan, Notes(), "org_1") for plan in plans]
    await asyncio.gather(*[asking.first() for asking in askings])
    assert (scene.labs.asked.count("a"), scene.labs.asked.count("b"), scene.labs.asked.count("c")) == (1, 1, 8)


async def test_a_cooled_target_is_asked_when_nobody_else_is_left() -> None:
    scene = Scene(Labs(c=500, d=500), retries=0)
    for credential in ("one/0", "one/1"):
        _broken(scene, credential)
    served = await scene.ask()
    assert (served.target.name, scene.labs.asked) == ("one/m", ["c", "d", "a"])


async def test_attempts_tell_who_was_asked_what_it_said_and_how_long_it_took() -> None:
    scene, notes, call = Scene(Labs(a=500), retries=0), Notes(), chat()
    await scene.dispatcher.asking(call, scene.routing.plan(call), notes, "org_1").first()
    told: list[tuple[Any, ...]] = [(a.provider, a.model, a.status, a.outcome, a.message) for a in notes.attempts]
    assert told == [("one", "m", 500, "server_error", "no"), ("two", "m", 200, "ok", "")]


async def test_an_attempt_tells_which_credential_of_a_tenants_own_it_was_asked_with() -> None:
    own = SealedCredential(id="cred_1", provider="one", sealed=b"lost", base_url="https://own.example/v1")
    org = OrgSnapshot(id="org_1", slug="acme", plan="free", credentials=(own,), data_key=b"k")
    scene, notes, call = Scene(Labs(), retries=0), Notes(), chat()
    await scene.dispatcher.asking(call, scene.routing.plan(call, key(org=org)), notes, "org_1").first()
    told = [(attempt.provider, attempt.outcome, attempt.credential) for attempt in notes.attempts]
    assert told == [("one", "auth", "cred_1"), ("two", "ok", None)]


async def test_a_credential_that_a_provider_quotes_is_told_to_nobody() -> None:
    scene, notes, call = Scene(Labs(**{"operators-own-key": "quote"})), Notes(), chat("quoting")
    with pytest.raises(UpstreamFailed) as failed:
        await scene.dispatcher.asking(call, scene.routing.plan(call), notes, "org_1").first()
    assert scene.labs.asked == ["operators-own-key"]
    assert [attempt.message for attempt in notes.attempts] == ["no such key: ***"]
    assert "no such key: ***" in failed.value.message
    assert "own-key" not in str(failed.value.attempts)
