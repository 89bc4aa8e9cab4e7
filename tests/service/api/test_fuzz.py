"""Requests made up from the OpenAPI document, valid and not: none of them is answered with a 5xx."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import BaseSchema
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.api.app import create_app
from service.api.context import ServiceContext, build_context
from service.settings import Settings
from tests.conftest import Clock, hurry
from tests.service.api.conftest import headers
from tests.service.api.test_authorization import RULES
from tests.service.fleet import Fleet

EXAMPLES = 10  # of each operation
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OWNER = "ann"
# In the place of what was made up for these fields of a body: no long polls, and searches that are quick to plan
KNOWN: dict[str, object] = {
    "wait_seconds": 0,
    "dataset": "digits",
    "baseline": "efficientnet-nano",
    "phi": 1.0,
    "space": {"resolution_multiple": 4},
}


# What there is of resources that are asked for by name
NAMED = {"datasets": "digits", "baselines": "efficientnet-nano"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def fuzzed(
    request: pytest.FixtureRequest, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServiceContext, str, str]]:
    """A public context with a search that has ended, its id, and the id of a lease on another search."""
    folder = tmp_path_factory.mktemp("fuzzed")
    url = None
    if request.param == "sqlite":
        shutil.copy(migrated_sqlite, folder / "effscale.db")
    else:
        url = request.getfixturevalue("new_postgres")(migrated=True)
    context = build_context(Settings(host="0.0.0.0", data_dir=folder, database_url=url), Clock())
    hurry(context.engine)
    fleet = Fleet(context)
    ended = fleet.submit(owner=OWNER, trials=3, finalists={"count": 1, "seeds": 2})
    fleet.run_dry()
    fleet.submit(owner=OWNER, trials=1)
    lease = fleet.must_lease()
    yield context, ended, lease.id
    context.engine.dispose()


@pytest.fixture(scope="module")
def authorization(fuzzed: tuple[ServiceContext, str, str]) -> dict[str, str]:
    """The header with a key that may do everything."""
    return headers(fuzzed[0], ["admin"], owner=OWNER)


@pytest.fixture(scope="module")
def api_schema(fuzzed: tuple[ServiceContext, str, str]) -> BaseSchema:
    """What the app says of itself."""
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(fuzzed[0]))


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@pytest.mark.parametrize("route", RULES, ids=" ".join)
def test_nothing_that_is_sent_breaks_the_service(
    api_schema: BaseSchema,
    fuzzed: tuple[ServiceContext, str, str],
    authorization: dict[str, str],
    route: tuple[str, str],
    mode: schemathesis.GenerationMode,
) -> None:
    _, search, lease = fuzzed
    operation = api_schema[route[1]][route[0]]

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        named = NAMED.get(route[1].split("/")[2] if route[1].count("/") > 1 else "", "")
        for name, known in (("search_id", search), ("lease_id", lease), ("number", 1), ("name", named)):
            if name in case.path_parameters and case.method != "DELETE" and known:
                case.path_parameters[name] = known  # what is behind it is what can break
        if isinstance(case.body, dict):
            case.body |= {name: known for name, known in KNOWN.items() if name in case.body}
        case.call_and_validate(headers=authorization, checks=CHECKS)

    try:
        send()
    except Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE  # a route without parameters: nothing can be wrong
