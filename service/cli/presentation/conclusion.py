"""What a search that has ended has shown, for a person: the sentence, and what each coefficient had to do with it."""

from typing import Any

from service.cli.presentation.output import percent

Document = dict[str, Any]


def conclusion_rows(search: Document) -> list[tuple[str, str]]:
    """Names and texts; nothing before the search has ended.

    >>> share = {"share": 0.66, "ci95": [0.5, 0.8]}
    >>> found = {"explained": 0.8, "trials": 24, "message": "", "alpha": share, "beta": share, "gamma": share}
    >>> conclusion_rows({"statement": "It is.", "importance": found})[1][1].split("; ")[0]
    "80.00 % of the variance of 24 trials' accuracies is explained: alpha 66.00 % (50.00 % to 80.00 %)"
    """
    if search.get("statement") is None:
        return []
    lines = [("result", str(search["statement"]))]
    if (found := search.get("importance")) is not None:
        lines.append(("coefficients", _shares(found)))
    return lines


def _shares(found: Document) -> str:
    if found["explained"] is None:
        return str(found["message"])
    parts = [
        f"{name} {percent(found[name]['share'])} ({' to '.join(map(percent, found[name]['ci95']))})"
        for name in ("alpha", "beta", "gamma")
    ]
    share = f"{percent(found['explained'])} of the variance of {found['trials']} trials' accuracies is explained"
    return f"{share}: {'; '.join(parts)}"
