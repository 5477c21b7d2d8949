"""`make demo`: the gateway with a real small model behind it. Both start here, and stop together."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

PATIENCE = 60.0
"""Seconds the model may take to load."""

CONFIGURATION = """\
providers:
  demo: {{type: openai_compatible, base_url: "http://127.0.0.1:{port}/v1", api_key: none}}
models:
  smart:
    targets:
      - {{provider: demo, model: smollm2-135m, context: 2048, price: {{input: "0.10", output: "0.40"}}}}
"""


def main() -> None:
    """Load the model, start the gateway in front of it, and pass on what it prints."""
    signal.signal(signal.SIGTERM, _leave)
    here, port = Path(__file__).parent, _free_port()
    log = _data_dir() / "demo" / "model.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, model(here, port, output.fileno()):
        configuration = log.with_name("gateway.yaml")
        configuration.write_text(CONFIGURATION.format(port=port))
        sys.exit(_gateway(configuration))


@contextmanager
def model(here: Path, port: int, output: int) -> Generator[None]:
    """The model's own server, ready to answer. Ends the program with a sentence when it does not come up."""
    _say("loading SmolLM2-135M ...")
    command = [sys.executable, str(here / "model_server.py"), str(port)]
    server = subprocess.Popen(command, start_new_session=True, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The model did not start; its log is {_data_dir()}/demo/model.log")
            time.sleep(0.05)
        _say(f"the model listens on 127.0.0.1:{port}; starting the gateway ...")
        yield
    finally:
        server.terminate()
        server.wait()


def _gateway(configuration: Path) -> int:
    command = [str(Path(sys.executable).with_name("llmgateway")), "serve", "--config", str(configuration)]
    gateway = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True)
    try:
        assert gateway.stdout is not None
        for line in gateway.stdout:
            _say(line.rstrip("\n").replace('"sandbox/chat"', '"smart"'))
        return gateway.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        gateway.terminate()
        gateway.wait()


def _data_dir() -> Path:
    return Path(os.environ.get("LLMGATEWAY_DATA_DIR") or ".data").absolute()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(url: str) -> bool:
    with suppress(urllib.error.URLError, ConnectionError, TimeoutError), urllib.request.urlopen(url, timeout=2):
        return True
    return False


def _leave(signum: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + signum)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
