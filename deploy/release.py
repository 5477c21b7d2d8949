"""`make release`: the wheel, the sdist, the pinned packages they run with, and the hashes of all three, in one folder."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUMS = "SHA256SUMS"
LOCK = "requirements.lock"
_EPOCH = "1735689600"
"""The time of all files in them (2025-01-01), so that the same sources give the same bytes."""


def build(folder: Path) -> list[Path]:
    """Build into a folder that has nothing of an earlier release; gives the three files. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("llmgateway-*.whl"), *folder.glob("llmgateway-*.tar.gz"), *folder.glob(SUMS)):
        old.unlink()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    made = sorted([*folder.glob("llmgateway-*.whl"), *folder.glob("llmgateway-*.tar.gz")])
    made.append(Path(shutil.copy(ROOT / LOCK, folder)))
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in made]
    (folder / SUMS).write_text("".join(lines))
    return made


def main() -> None:
    """Build, and say what was built."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    for file in build(folder):
        print(f"{file} ({file.stat().st_size / 1e6:.1f} MB)")
    print(f"{folder / SUMS}: check with `sha256sum -c {SUMS}`")


if __name__ == "__main__":
    main()
