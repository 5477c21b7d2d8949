"""gateway.yaml: what is wrong in it is told in one sentence that names the place, before anything starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmgateway.catalog.pricing import PriceOverride
from llmgateway.cli import cli
from llmgateway.errors import ConfigurationError
from llmgateway.gateway_file import load_gateway_file

SANDBOX = "provider: sandbox, model: a"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("modles: {}", "modles: there is no such field. Is models meant?"),
        ("modles:", "modles: there is no such field. Is models meant?"),
        ("8080: x", "8080: there is no such field. There are cache, defaults, models, providers."),
        (f"models: {{m: {{targetz: [{{{SANDBOX}}}]}}}}", "models.m.targetz: there is no such field. Is targets meant?"),
        (
            f"models: {{m: {{targets: [{{{SANDBOX}}}, {{provider: sandbox, modle: a}}]}}}}",
            "models.m.targets.1.modle: there is no such field. Is model meant?",
        ),
        (
            f"models: {{m: {{targets: [{{{SANDBOX}, price: {{imput: 1}}}}]}}}}",
            "models.m.targets.0.price.imput: there is no such field. Is input meant?",
        ),
        (
            f"models: {{m: {{targets: [{{{SANDBOX}}}], timeouts: {{phase: 1}}}}}}",
            "models.m.timeouts.phase: there is no such field. There are connect, first_token, idle, total.",
        ),
        ("defaults: {retry: 1}", "defaults.retry: there is no such field. Is retries meant?"),
        ("cache: {tll: 60}", "cache.tll: there is no such field. Is ttl meant?"),
        (
            "providers: {openai: {api_kye: k}}",
            "providers.openai.api_kye: OpenAI has no such setting. Is api_key meant?",
        ),
        ("providers: {openai: {key_api: [k]}}", "providers.openai: key_api must be a text."),
        ("providers: {openai: {base_ulr: [k]}}", "base_ulr must be a text. Is base_url meant?"),
        ("providers: {opnai: {api_key: k}}", "providers.opnai: is not built in. Is openai meant?"),
        (
            "providers: {lab: {type: openai_compatible, bas_url: 'http://127.0.0.1:9'}}",
            "providers.lab.bas_url: lab has no such setting. Is base_url meant?",
        ),
        ("providers: {lab: {type: openai_compatible}}", "providers.lab: `type: openai_compatible` needs a base_url"),
        ("models: {m: {targets: [{provider: opnai, model: a}]}}", "provider 'opnai' is not known. Is openai meant?"),
    ],
)
def test_what_is_misspelt_is_told_with_what_is_meant(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    error = CliRunner().invoke(cli, ["config", "check", "--config", str(file)]).exception
    assert isinstance(error, ConfigurationError)
    assert sentence in str(error)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"models: {{m: {{targetz: [{{{SANDBOX}}}]}}}}", "models.m.targetz: there is no such field. Is targets meant?"),
        (
            "models: {m: {targets: [{provider: opnai, model: a}]}}",
            "models.m.targets.0: provider 'opnai' is not known. Is openai meant?",
        ),
        ("providers: {opnai: {api_key: k}}", "providers.opnai: is not built in. Is openai meant?"),
    ],
)
def test_serve_refuses_what_is_misspelt_before_anything_starts(text: str, sentence: str, tmp_path: Path) -> None:
    file, data = tmp_path / "gateway.yaml", tmp_path / "data"
    file.write_text(text)
    done = CliRunner().invoke(
        cli, ["serve", "--port", "0", "--config", str(file)], env={"LLMGATEWAY_DATA_DIR": str(data)}
    )
    assert isinstance(done.exception, ConfigurationError)
    assert sentence in str(done.exception)
    assert not data.exists()


def test_a_key_that_stands_twice_in_the_file_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("models:\n  smart:\n    targets: [{provider: sandbox, model: a}]\n  smart:\n    targets: []\n")
    with pytest.raises(ConfigurationError, match=r"the key 'smart' stands here twice .*line 4"):
        load_gateway_file(file, {})


@pytest.mark.parametrize("price", ["1e18", "'1e999999'", "1000000", "-1", "'0.0000000000001'"])
def test_a_price_that_the_books_cannot_hold_is_refused_with_its_place(tmp_path: Path, price: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"models: {{m: {{targets: [{{provider: openai, model: m, price: {{input: {price}}}}}]}}}}")
    with pytest.raises(ConfigurationError, match=r"price\.input: .*must be dollars from 0 to 999999, with at most 12"):
        load_gateway_file(file, {})


def test_the_dearest_price_and_the_finest_are_taken_and_told_without_an_exponent(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    prices = "{input: 999999, output: 0.000000000001, request: '1e-3', search: '1e2'}"
    file.write_text(f"models: {{m: {{targets: [{{provider: openai, model: m, price: {prices}}}]}}}}")
    [price] = load_gateway_file(file, {}).prices.values()
    told = PriceOverride(**vars(price)).version
    assert told == "gateway.yaml: input 999999 output 0.000000000001 request 0.001 search 100"
