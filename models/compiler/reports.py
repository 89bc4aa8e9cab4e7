"""What it took to get at compiled programs."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

MAX_PACK = 16  # seeds in one program: twice what a worker takes by itself; each needs a state and maps of its own


@dataclass(frozen=True, slots=True)
class Compilation:
    """What the programs of a training, or of several, took. The fields are named as in results.

    `compile_seconds` are those that the training waited for, `compiled_ahead_seconds` those that were over before it
    asked. A program that was at hand from an earlier training took nothing and is not counted.
    """

    compile_seconds: float = 0.0
    compiled_ahead_seconds: float = 0.0
    programs_compiled: int = 0
    programs_cached: int = 0  # found in the cache on disk

    def __add__(self, other: "Compilation") -> "Compilation":
        return Compilation(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "Compilation":
        """What a result, or anything else with these fields, says; what it lacks counts as nothing."""
        return cls(**{field.name: result[field.name] for field in fields(cls) if field.name in result})
