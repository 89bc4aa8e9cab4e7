"""The version of effscale, and those of what a result depends on."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

VERSION = "0.1.0"
LIBRARIES = ("jax", "jaxlib", "flax", "optax", "optuna", "numpy", "scikit-learn", "sqlalchemy", "fastapi")


def versions() -> dict[str, str]:
    """Installed versions by name, without importing anything."""
    found = {"effscale": VERSION}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def source_revision() -> str:
    """The commit of the checkout this runs from, or the release that was installed."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return f"effscale {VERSION}"
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):  # no git, or one that hangs
        return f"effscale {VERSION}"
    return answer.stdout.strip() or f"effscale {VERSION}"
