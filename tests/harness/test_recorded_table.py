import csv
import io
import json
import math

import numpy as np
import pytest

from models.scaling.coefficients import Coefficients
from search.space import catalogue
from tests.benchmarks import ours_on_table, rivals_on_table
from tests.benchmarks.oracle import Milestone, Oracle, Spent, Trail, good
from tests.benchmarks.rivals_on_table import Rival
from tests.benchmarks.table import COLUMNS, SHAPES, Table, by_product, read
from tests.benchmarks.to_target import compared, spent_to_target, success
from tests.benchmarks.volume import front, missed, volume
from tests.search.records import spec

EPOCHS, VALIDATION, SEEDS = 8, 1000, 3


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Made up: the later in the catalogue the better, and one seed that not all networks have."""
    search, lines = spec(trials=6, finalists={"count": 2, "seeds": 2}), io.StringIO()
    head = {"spec": search.document(), "images": [100, VALIDATION, 0]}
    lines.write(f"# made up\n# {json.dumps(head)}\n{','.join(COLUMNS)}\n")
    feasible = catalogue.of(search).feasible
    known = {candidate.identity for candidate in feasible}
    others = [candidate for candidate in by_product(search) if candidate.identity not in known]
    for place, candidate in enumerate((*feasible, *others)):
        for seed in range(SEEDS + (place == 0)):
            curve = " ".join(str(100 * epoch + 3 * place + seed) for epoch in range(1, EPOCHS + 1))
            depths, widths = (" ".join(map(str, part)) for part in (candidate.depths, candidate.widths))
            csv.writer(lines).writerow([depths, widths, candidate.resolution, seed, curve, 0.9, 1.5, 2.5])
    path = tmp_path_factory.mktemp("table") / "made-up.csv"
    path.write_text(lines.getvalue() + "2 4 3,16 16", encoding="utf-8")  # and a line that was cut off
    return read(path)


def test_a_table_is_read_and_only_complete_seeds_count(table: Table) -> None:
    assert table.seeds == (0, 1, 2)
    assert table.curves.shape == (len(table.catalogue.feasible), SEEDS, EPOCHS)
    assert table.truth[2] == pytest.approx(0.8 + 0.006 + 0.001)
    between, within = table.spreads
    assert within == pytest.approx(0.001)
    assert between == pytest.approx(0.003 * np.arange(27).std(ddof=1), rel=0.01)
    assert good(table) == {25, 26}


def test_the_recorded_table_is_whole() -> None:
    recorded = read(SHAPES)
    assert len(recorded.seeds) >= 2
    assert not np.isnan(recorded.all_curves).any()
    assert len(recorded.networks) > len(recorded.catalogue.feasible)
    assert recorded.curves.shape[2] == recorded.spec.recipe.epochs
    assert 0 < recorded.curves.min() < recorded.curves.max() <= 1


def test_the_same_question_has_the_same_answer_and_all_that_is_trained_is_counted(table: Table) -> None:
    oracle = Oracle(table, run=3)
    assert oracle.trained(4, seed=1) == oracle.trained(4, seed=1) == Oracle(table, run=3).trained(4, seed=1)
    assert len({Oracle(table, run).trained(4, seed=1) for run in range(20)}) == SEEDS
    assert oracle.spent[:2] == (2, 2 * EPOCHS)
    mean = np.mean([candidate.cost.macs for candidate in table.catalogue.feasible])
    assert oracle.spent.compute == pytest.approx(2 * table.catalogue.feasible[4].cost.macs / mean)


def test_every_network_is_found_by_its_coefficients(table: Table) -> None:
    oracle = Oracle(table, run=0)
    for place, candidate in enumerate(table.catalogue.feasible):
        assert oracle.place(candidate.coefficients) == place
        assert oracle.excess(candidate.coefficients) == 0
    dear = max(table.catalogue.feasible, key=lambda one: one.coefficients.beta).coefficients
    assert oracle.excess(type(dear)(2.0, 1.5, 1.5)) > 1


def test_the_table_has_every_network_that_the_product_lets_through(table: Table) -> None:
    oracle, chance = Oracle(table, run=0), np.random.default_rng(0)
    axes = [getattr(table.spec.space, name) for name in ("alpha", "beta", "gamma")]
    drawn = [Coefficients(*(chance.uniform(*axis) for axis in axes)) for _ in range(3000)]
    found = {oracle.place(at) for at in drawn if not oracle.nominal_excess(at)}
    assert found <= set(range(len(table.networks)))
    assert len(found - set(range(len(table.catalogue.feasible)))) > 20
    assert {table.networks[place].identity for place in found} <= {one.identity for one in by_product(table.spec)}
    assert oracle.nominal_excess(Coefficients(1.0, 1.0, 1.0)) == pytest.approx(0.5 - table.spec.target.tolerance)


def trail(*marks: tuple[int, int]) -> Trail:
    return [Milestone(Spent(spent, spent, spent), named) for spent, named in marks]


def test_the_budget_is_the_one_with_which_nine_in_ten_name_a_good_one() -> None:
    early, late, never = trail((1, 7), (3, 1)), trail((2, 7), (9, 1)), trail((1, 1), (5, 7))
    fine = frozenset({1})
    assert spent_to_target([early] * 9 + [never], fine, "epochs") == 3
    assert spent_to_target([early] * 8 + [late, trail((5, 7))], fine, "epochs") == 9
    assert math.isinf(spent_to_target([early] * 8 + [trail((5, 7))] * 2, fine, "epochs"))
    assert success([early, never], fine) == 0.5
    assert compared([early] * 20, [late] * 20, fine, "trainings") == ([3, 3, 3], [9, 9, 9])
    assert compared([late] * 20, [trail((1, 7), (5, 7))] * 20, fine, "trainings") == ([9, 9, 9], [5, 5, 5])
    assert compared([trail((1, 7), (5, 7))] * 20, [late] * 20, fine, "trainings")[0] == [math.inf] * 3


def test_the_volume_of_a_front_is_an_area() -> None:
    points = [(0.5, 10.0), (0.8, 30.0), (0.7, 30.0), (0.6, 5.0), (0.9, 40.0)]
    assert front(enumerate(points)) == [3, 1, 4]
    assert volume(points, (0.4, 40.0)) == pytest.approx(0.2 * 35 + 0.2 * 10)
    assert volume([], (0.4, 40.0)) == 0


def test_what_a_front_lacks_shrinks_with_the_budget_and_all_networks_lack_nothing(table: Table) -> None:
    places = range(len(table.catalogue.feasible))
    known = [(place, float(table.truth[place])) for place in places]
    assert missed(table, iter([(8, known[:3]), (16, known), (99, [])]), [4, 8, 50]) == [
        1.0,
        pytest.approx(missed(table, iter([(1, known[:3])]), [1])[0]),
        pytest.approx(0.0),
    ]
    assert 0 < missed(table, iter([(1, known[:3])]), [1])[0] < 1


@pytest.mark.parametrize(
    "rival", [rivals_on_table.tpe, rivals_on_table.nsga2, rivals_on_table.hyperband, rivals_on_table.grid]
)
def test_each_side_searches_and_names_what_it_trained(
    table: Table, rival: rivals_on_table.Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rivals_on_table, "ASKED", 100)
    monkeypatch.setattr(rivals_on_table, "TRAINED", 12)
    finalists = {"count": 2, "seeds": 2}
    scripts, replicated = rivals_on_table.followed(Rival(rival), finalists, Oracle(table, 1))
    for found in (scripts[-1], replicated[-1], *ours_on_table.ended(table, 1, trials=12)):
        assert found.named in range(len(table.catalogue.feasible))
        assert 0 < found.spent.trainings * 2 <= found.spent.epochs
        assert found.spent.compute > 0
    assert replicated[-1].spent.trainings == scripts[-1].spent.trainings + 4


def test_who_searches_on_the_product_may_name_what_misses_the_cost_and_our_finals_leave_it_out(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rivals_on_table, "TRAINED", 40)
    feasible = range(len(table.catalogue.feasible))
    scripts, replicated = rivals_on_table.followed(
        Rival(rivals_on_table.tpe_on_product), {"count": 2, "seeds": 2}, Oracle(table, 1)
    )
    assert scripts[-1].named not in feasible  # made up so that those are the most accurate
    assert scripts[-1].named in range(len(table.networks))
    assert replicated[-1].named in feasible


def test_the_grid_is_trained_again_with_other_seeds_and_names_the_highest_mean(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rivals_on_table, "PASSES", 3)
    oracle = Oracle(table, 1)
    seen = list(rivals_on_table.grid(oracle))
    values = seen[-1]
    assert len(seen) == 3
    assert all(len(found) % 3 == 0 for found in values.values())
    assert oracle.trainings == sum(map(len, values.values()))
    (*_, end), _ = rivals_on_table.followed(
        Rival(rivals_on_table.grid, min), {"count": 1, "seeds": 2}, Oracle(table, 1)
    )
    assert end.named == max(values, key=lambda place: min(values[place]))


def test_finals_on_chosen_networks_name_the_best_of_them_and_are_charged(table: Table) -> None:
    oracle = Oracle(table, 2)
    named = ours_on_table.finals(oracle, [3, 26, 9], {"count": 3, "seeds": 3, "max_seeds": 4})
    assert named.named == 26
    assert named.spent.trainings == oracle.trainings == 9


def test_ours_is_one_search_with_its_finals(table: Table) -> None:
    (end,) = ours_on_table.ended(table, 1, trials=27, pruner={"name": "none"})
    assert end.named == 26
    assert end.spent.trainings == 27 + 4
