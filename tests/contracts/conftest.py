"""A fleet on either engine."""

import pytest

from service.api.context import Kernel
from tests.contracts.fleet import Fleet


@pytest.fixture
def fleet(kernel: Kernel) -> Fleet:
    """Workers without processes, on a fresh database and a clock that stands still."""
    return Fleet(kernel)
