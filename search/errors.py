"""What can be wrong with a search.

SearchError                    anything below
├── InvalidSpec                a SearchSpec that cannot be searched; carries a JSON pointer
│   ├── SpaceTooLarge          more networks than can be enumerated
│   └── NoFeasibleNetwork      no network of the space meets the target
├── CatalogueExhausted         every feasible network has been proposed
├── NothingFinished            an export or a winner before any trial completed
├── UnknownFormat              an export format there is none of
└── InvalidExport              a scaling config whose numbers its own coefficients do not give
"""


class SearchError(Exception):
    """Something about a search cannot be done."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class InvalidSpec(SearchError, ValueError):
    """The search specification cannot be searched."""

    def __init__(self, message: str | None = None, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class SpaceTooLarge(InvalidSpec):
    """The space holds more networks than can be enumerated."""


class NoFeasibleNetwork(InvalidSpec):
    """No network of the space meets the target."""


class CatalogueExhausted(SearchError):
    """Every feasible network of the space has been proposed."""


class NothingFinished(SearchError):
    """No trial has completed yet."""


class UnknownFormat(SearchError, LookupError):
    """There is no export format of that name."""


class InvalidExport(SearchError, ValueError):
    """The scaling config contradicts itself."""
