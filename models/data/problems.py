"""What can be wrong with an image of a source, and what is done about it. Standard library only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from models.errors import InvalidDataset, RefusedImages

Kind = Literal["corrupt", "truncated", "huge", "non-rgb", "animated", "misnamed", "duplicate", "conflicting", "leakage"]
Policy = Literal["keep", "skip", "refuse"]

KINDS: tuple[Kind, ...] = get_args(Kind)
POLICIES: tuple[Policy, ...] = get_args(Policy)
HUGE_PIXELS = 2**26  # 67 million: a photograph has up to 60, and its 200 MB as RGB are what a decoder may take
LISTED = 20  # names of each kind in the manifest and in a refusal; all are in problems.jsonl
# Kept is what has one clear reading as an RGB image, skipped what has none or would bend the evaluation.
DEFAULTS: Mapping[Kind, Policy] = MappingProxyType(
    {
        "corrupt": "skip",
        "truncated": "skip",
        "huge": "skip",
        "non-rgb": "keep",
        "animated": "keep",
        "misnamed": "keep",
        "duplicate": "skip",
        "conflicting": "skip",
        "leakage": "skip",
    }
)
MEANING: Mapping[Kind, str] = MappingProxyType(
    {
        "corrupt": "cannot be decoded, cannot be read, or is no image at all",
        "truncated": "ends before its last row; kept, the missing rows are grey",
        "huge": f"more than {HUGE_PIXELS:,} pixels",
        "non-rgb": "grey, palette, CMYK, 16 bits or transparent; kept, it is converted, transparency over white",
        "animated": "has several frames; kept, the first one counts",
        "misnamed": "its content is of another format than its name says; kept, the content counts",
        "duplicate": "the same pixels as an earlier image of its class; skipped, the first one stays",
        "conflicting": "the same pixels under different classes; skipped, none of them stays",
        "leakage": "the same pixels in two given splits; skipped, it stays in test before validation before train",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One image with one problem. `detail` says more where there is more to say."""

    kind: Kind
    name: str
    detail: str


def policies(given: Sequence[str] = ()) -> dict[Kind, Policy]:
    """The defaults with `KIND=POLICY` texts over them; `InvalidDataset` for one that makes no sense.

    >>> policies(["duplicate=keep"])["duplicate"]
    'keep'
    """
    chosen = dict(DEFAULTS)
    for text in given:
        kind, _, policy = text.partition("=")
        if kind not in KINDS or policy not in POLICIES:
            raise InvalidDataset(
                f"{text!r} is no KIND=POLICY; kinds: {', '.join(KINDS)}; policies: {', '.join(POLICIES)}"
            )
        if (kind, policy) == ("corrupt", "keep"):
            raise InvalidDataset("corrupt=keep: what cannot be decoded cannot be kept; skip or refuse")
        chosen[kind] = policy
    return chosen


class Tally:
    """Counts problems by kind and remembers the first few names of each."""

    def __init__(self, chosen: Mapping[Kind, Policy]) -> None:
        self._policies = chosen
        self._counts = dict.fromkeys(KINDS, 0)
        self._examples: dict[Kind, list[Problem]] = {kind: [] for kind in KINDS}

    def add(self, problem: Problem) -> None:
        """Count one."""
        self._counts[problem.kind] += 1
        if len(self._examples[problem.kind]) < LISTED:
            self._examples[problem.kind].append(problem)

    def check(self) -> None:
        """`RefusedImages` lists the images of the kinds that the policies refuse."""
        refused = [kind for kind in KINDS if self._counts[kind] and self._policies[kind] == "refuse"]
        if refused:
            raise RefusedImages("\n".join(line for kind in refused for line in self._lines(kind)))

    def documents(self) -> list[dict[str, Any]]:
        """For the manifest: kinds that occurred, with count, policy and examples."""
        return [
            {
                "kind": kind,
                "count": self._counts[kind],
                "policy": self._policies[kind],
                "meaning": MEANING[kind],
                "examples": [{"name": found.name, "detail": found.detail} for found in self._examples[kind]],
            }
            for kind in KINDS
            if self._counts[kind]
        ]

    def _lines(self, kind: Kind) -> list[str]:
        count, examples = self._counts[kind], self._examples[kind]
        lines = [f"{count:,} {kind} ({MEANING[kind].partition(';')[0]}), refused by {kind}=refuse:"]
        lines += [f"  {found.name}" + (f": {found.detail}" if found.detail else "") for found in examples]
        return lines + ([f"  and {count - len(examples):,} more"] if count > len(examples) else [])
