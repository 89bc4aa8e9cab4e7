"""Which data sets there are, and what the API needs to know of them without loading one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from models.errors import UnknownDataset


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A labelled image set with fixed splits. Counts are images; `native_px` is the stored height and width."""

    name: str
    classes: int
    native_px: int
    channels: int
    train: int
    validation: int
    test: int
    source: str
    summary: str

    def document(self) -> dict[str, str | int]:
        """As JSON."""
        return asdict(self)


DIGITS = DatasetInfo(
    name="digits",
    classes=10,
    native_px=8,
    channels=1,
    train=1079,
    validation=359,
    test=359,
    source="UCI Optical Recognition of Handwritten Digits (test part), as carried by scikit-learn",
    summary="1,797 real handwritten digits, 8x8 pixels in 17 grey levels",
)

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({DIGITS.name: DIGITS})


def get_dataset(name: str) -> DatasetInfo:
    """The data set of that name; `UnknownDataset` names those there are."""
    try:
        return DATASETS[name]
    except KeyError:
        raise UnknownDataset(f"there is no data set {name!r}; there are: {', '.join(sorted(DATASETS))}") from None
