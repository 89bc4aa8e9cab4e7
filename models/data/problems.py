"""What can be wrong with an image or a class of a source, and what is done about it. Standard library only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from models.errors import InvalidDataset, RefusedImages

# The order is part of the journal's format: new kinds go to the end. The last one is a problem of a class.
Kind = Literal[
    "corrupt",
    "truncated",
    "huge",
    "non-rgb",
    "animated",
    "misnamed",
    "duplicate",
    "conflicting",
    "leakage",
    "empty-class",
]
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
        "empty-class": "skip",
    }
)
MEANING: Mapping[Kind, str] = MappingProxyType(
    {
        "corrupt": "cannot be decoded, cannot be read, or is no image at all",
        "truncated": "ends before its last row",
        "huge": f"more than {HUGE_PIXELS:,} pixels",
        "non-rgb": "grey, palette, CMYK, 16 bits or transparent",
        "animated": "has several frames",
        "misnamed": "its content is of another format than its name says",
        "duplicate": "the same pixels as an earlier image of its class",
        "conflicting": "the same pixels under different classes",
        "leakage": "the same pixels in two given splits",
        "empty-class": "a class without a usable image to train on",
    }
)
# What becomes of it under a policy, where that is more than `LEFT_OUT` or `REFUSED`
CONSEQUENCE: Mapping[tuple[Kind, Policy], str] = MappingProxyType(
    {
        ("truncated", "keep"): "the missing rows are grey",
        ("huge", "keep"): "it is decoded all the same",
        ("non-rgb", "keep"): "it is converted, transparency over white",
        ("animated", "keep"): "the first frame counts",
        ("misnamed", "keep"): "the content counts",
        ("duplicate", "keep"): "all of them stay",
        ("duplicate", "skip"): "the first one stays",
        ("conflicting", "keep"): "all of them stay",
        ("conflicting", "skip"): "none of them stays",
        ("leakage", "keep"): "all of them stay",
        ("leakage", "skip"): "it stays in test before validation before train",
        ("empty-class", "skip"): "the class is left out",
    }
)
LEFT_OUT, REFUSED = "left out", "refused"
NEVER_KEPT: Mapping[Kind, str] = MappingProxyType(
    {
        "corrupt": "what cannot be decoded cannot be kept",
        "empty-class": "a class without images cannot be trained",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One image, or class, with one problem. `detail` says more where there is more to say."""

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
        if policy == "keep" and kind in NEVER_KEPT:
            raise InvalidDataset(f"{text}: {NEVER_KEPT[kind]}; skip or refuse")
        chosen[kind] = policy
    return chosen


def explained(kind: Kind, policy: Policy) -> str:
    """What a kind of problem is, and what the policy in force makes of it.

    >>> explained("truncated", "keep"), explained("truncated", "skip")
    ('ends before its last row; the missing rows are grey', 'ends before its last row; left out')
    """
    return f"{MEANING[kind]}; {CONSEQUENCE.get((kind, policy), REFUSED if policy == 'refuse' else LEFT_OUT)}"


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
                "meaning": explained(kind, self._policies[kind]),
                "examples": [{"name": found.name, "detail": found.detail} for found in self._examples[kind]],
            }
            for kind in KINDS
            if self._counts[kind]
        ]

    def _lines(self, kind: Kind) -> list[str]:
        count, examples = self._counts[kind], self._examples[kind]
        lines = [f"{count:,} {kind} ({MEANING[kind]}), refused by {kind}=refuse:"]
        lines += [f"  {found.name}" + (f": {found.detail}" if found.detail else "") for found in examples]
        return lines + ([f"  and {count - len(examples):,} more"] if count > len(examples) else [])
