"""`python -m models.native [LEVEL …]`: build the CPU kernels beside this environment, for it or for given levels."""

import sys

from models.native.library import CannotBuild, beside_environment, build, level


def main(levels: list[str]) -> int:
    """0 when they are there; 1, with the reason, when they could not be built: training then uses XLA's own code."""
    directory = beside_environment()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        for target in levels or [level()]:
            print(build(directory, target).name)
    except CannotBuild as error:
        print(f"effscale: the CPU kernels are not built, training is slower without them: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
