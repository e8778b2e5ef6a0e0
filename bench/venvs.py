"""The peers' own Python environments, from requirements locked with hashes, kept in the cache.

Invariant: an environment is used only when everything its lock names is installed in it; nothing of it reaches the platform's own.
`python -m bench.venvs` writes the locks anew.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.faults import Skipped
from bench.process import ROOT

# quixstreams and bytewax ask for different versions of confluent-kafka; and one may lack wheels for a Python that the other has.
INPUTS = {
    "quix": ["quixstreams==3.28.1", "orjson>=3.11"],
    "frames": ["pandas>=2.3", "polars>=1.30"],
    "bytewax": ["bytewax==0.21.1", "confluent-kafka>=2.12", "orjson>=3.11"],
}
COMPILE = (
    "--quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "
    "--no-emit-index-url --no-emit-find-links"
)


def lock(name: str) -> Path:
    """The locked requirements of an environment."""
    return ROOT / f"requirements-bench-{name}.txt"


def python(name: str, cache: Path) -> str:
    """The interpreter of the environment, made on first use; raises `Skipped` where it cannot be."""
    requirements = lock(name)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = cache / f"{name}-{version}-{digest}"
    interpreter = folder / "bin" / "python"
    if not (folder / "installed").exists():
        _install(folder, interpreter, requirements)
        (folder / "installed").touch()
    return str(interpreter)


def _install(folder: Path, interpreter: Path, requirements: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(folder))
    uv = _uv()
    if uv:
        _run(uv, "pip", "install", "--quiet", "--system-certs", "--python", str(interpreter), "--require-hashes", "-r", str(requirements))
    else:
        _run(str(interpreter), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements))


def _uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"its packages cannot be installed: {done.stderr.strip()[-300:]}")


def main() -> None:
    """Writes every lock."""
    for name, wanted in INPUTS.items():
        command = [_uv() or "uv", "pip", "compile", *COMPILE.split(), "-", "--output-file", str(lock(name))]
        subprocess.run(command, input="\n".join(wanted), text=True, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
