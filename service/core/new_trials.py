"""A new row of a trial: a network with what it costs, before anything was trained."""

from dataclasses import asdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.compiler.reports import Compilation
from models.recipe.regularization import regularized
from models.scaling.architecture import ScaledArchitecture
from models.scaling.coefficients import Coefficients
from models.scaling.cost import cost
from search.results import leaderboard
from search.spec.spec import SearchSpec
from service.store.tables import SearchRow, TrialRow


def new(
    search: SearchRow,
    spec: SearchSpec,
    number: int,
    coefficients: Coefficients,
    network: ScaledArchitecture,
    now: float,
    *,
    base_macs: int,
    phi: float,
    standing: int = leaderboard.OTHER,
    note: str | None = None,
) -> TrialRow:
    """The row, with the rates that the recipe's rules give a network of this size; `base_macs` are the baseline's."""
    real = cost(network)
    macs_ratio = real.macs / base_macs
    network = regularized(network, spec.recipe, macs_ratio)
    return TrialRow(
        search_id=search.id,
        number=number,
        state="queued",
        key=network.key,
        alpha=coefficients.alpha,
        beta=coefficients.beta,
        gamma=coefficients.gamma,
        phi=phi,
        depths=list(network.depths),
        widths=[network.stem, *network.widths, network.head],
        resolution=network.resolution,
        dropout=network.dropout,
        drop_path=network.drop_path,
        classes=network.classes,
        params=real.params,
        macs=real.macs,
        macs_ratio=macs_ratio,
        activations=real.activations,
        receptive_field=real.receptive_field,
        reference=number == 0,
        reference_note=note,
        finalist=False,
        standing=standing,
        selection=spec.recipe.selection,
        metric=spec.metric,
        seeds=0,
        epochs=0,
        stopped_early=False,
        device_seconds=0.0,
        **asdict(Compilation()),
        attempts=0,
        created_at=now,
    )


def add_aside(
    session: Session,
    search: SearchRow,
    spec: SearchSpec,
    coefficients: Coefficients,
    network: ScaledArchitecture,
    now: float,
    *,
    phi: float,
    standing: int,
) -> TrialRow:
    """Add a probe or a control behind all trials of a locked search."""
    last = session.execute(select(func.max(TrialRow.number)).where(TrialRow.search_id == search.id)).scalar_one()
    base_macs = cost(spec.network.unscaled(spec.data.classes)).macs
    row = new(search, spec, last + 1, coefficients, network, now, base_macs=base_macs, phi=phi, standing=standing)
    session.add(row)
    session.flush()
    return row
