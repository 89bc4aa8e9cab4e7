"""Requests made up from the OpenAPI document, valid and not: none of them is answered with a 5xx."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from service.app import create_app
from service.kernel import Kernel, build_kernel
from service.settings import Settings
from tests.conftest import Clock, hurry
from tests.contracts.fleet import Fleet
from tests.service.conftest import LOOPBACK

EXAMPLES = 12  # of each operation


@pytest.fixture(scope="module")
def fuzzed(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, str, str]]:
    """A kernel with a search that has ended, its id, and the id of a lease on another search."""
    folder = tmp_path_factory.mktemp("fuzzed")
    shutil.copy(migrated_sqlite, folder / "effscale.db")
    kernel = build_kernel(Settings(data_dir=folder), Clock())
    hurry(kernel.engine)
    fleet = Fleet(kernel)
    ended = fleet.submit(trials=3, finalists={"count": 1, "seeds": 2})
    fleet.run_dry()
    fleet.submit(trials=1)
    lease = fleet.must_lease()
    yield kernel, ended, lease.id
    kernel.engine.dispose()


@pytest.fixture(scope="module")
def api_schema(fuzzed: tuple[Kernel, str, str]) -> Any:
    """What the app says of itself."""
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(fuzzed[0]), base_url=LOOPBACK)


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_that_is_sent_breaks_the_service(case: schemathesis.Case, fuzzed: tuple[Kernel, str, str]) -> None:
    _, search, lease = fuzzed
    for name, known in (("search_id", search), ("lease_id", lease)):
        if name in case.path_parameters:
            case.path_parameters[name] = known  # what is behind it is what can break
    if isinstance(case.body, dict) and "wait_seconds" in case.body:
        case.body["wait_seconds"] = 0
    case.call_and_validate(checks=[not_a_server_error])
