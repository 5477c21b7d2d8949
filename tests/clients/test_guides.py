"""Every snippet of docs/guides/clients is run as it stands; only address and key are put in."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.gateway import Gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GUIDES = Path(__file__).parents[2] / "docs" / "guides" / "clients"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SNIPPETS = [
    pytest.param(language, code, id=f"{page.stem}-{number}")
    for page in sorted(GUIDES.glob("*.md"))
    for number, (language, code) in enumerate(FENCE.findall(page.read_text()), 1)
]
RUN = {
    "python": [sys.executable, "-c"],
    "js": ["node", "--input-type=module", "-e"],
    "sh": ["sh", "-c"],
}


@pytest.mark.parametrize(("language", "code"), SNIPPETS)
def test_the_snippet_works_as_it_stands(gateway: Gateway, node_clients: Path, language: str, code: str) -> None:
    ready = code.replace("http://localhost:8080", gateway.url).replace("lgw_live_YOUR_KEY", gateway.key)
    assert ready != code
    done = subprocess.run(
        [*RUN[language], ready], cwd=node_clients, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Hello from the model" in done.stdout or '"outcome":"finished"' in done.stdout
