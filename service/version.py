"""The version of effscale, and those of what a result depends on."""

from importlib.metadata import PackageNotFoundError, version

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
