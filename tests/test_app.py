"""The gateway under another server: `uvicorn --factory llmgateway.app:create_app`."""

from pathlib import Path

import pytest
import structlog

from llmgateway.app import create_app


def test_it_logs_as_serve_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGATEWAY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LLMGATEWAY_SECRET_KEY", "s" * 32)
    monkeypatch.setenv("JWT_SECRET_KEY", "j" * 32)
    before = structlog.get_config()
    try:
        for url, json in ((None, False), ("postgresql://x@127.0.0.1:1/x", True)):
            if url is not None:
                monkeypatch.setenv("DATABASE_URL", url)
            create_app()
            processors = structlog.get_config()["processors"]
            assert any(isinstance(one, structlog.processors.JSONRenderer) for one in processors) is json
    finally:
        structlog.configure(**before)
