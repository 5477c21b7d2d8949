"""The folder of a crew's figures: gone with its crew, also with one that was killed."""

import signal
import subprocess
import sys
from pathlib import Path

from llmgateway.commands.shared_figures import shared_figures

CREW = """
import sys
from pathlib import Path
from llmgateway.commands.shared_figures import shared_figures
with shared_figures(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_the_next_crew_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    strange = tmp_path / "llmgateway-figures-of-somebody"
    strange.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", CREW, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as crew:
        assert crew.stdout is not None
        left = Path(crew.stdout.readline().strip())
        (left / "gauge_1.db").write_bytes(b"figures")
        with shared_figures(tmp_path) as own:
            assert left.exists(), "its crew lives"
            crew.send_signal(signal.SIGKILL)
            crew.wait(20)
            assert left.exists()
            with shared_figures(tmp_path):
                assert not left.exists()
                assert own.exists()
    assert list(tmp_path.iterdir()) == [strange]
