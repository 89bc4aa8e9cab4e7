"""What the reported epochs of a run that has ended say of it."""

from dataclasses import replace

from sqlalchemy.orm import Session

from search.diagnosis import Diagnosis, Task, diagnose
from search.spec import SearchSpec
from service.store import runs
from service.tables import RunRow

DIVERGED = "diverged"  # the reason that a worker gives


def diagnosis(session: Session, spec: SearchSpec, run: RunRow, classes: int) -> Diagnosis | None:
    """The diagnosis of a run in its last state; None where it was not trained, or ended for another reason."""
    diverged = run.reason == DIVERGED
    if not (diverged or run.state in ("completed", "pruned")):
        return None
    curve = runs.curve(session, run.id)
    task = Task(classes, spec.data.validation, mixed=bool(spec.recipe.mixup or spec.recipe.cutmix))
    found = diagnose(curve, task, diverged=diverged)
    if found is None or run.state != "pruned":
        return found
    return replace(found, rule=f"{found.rule} (pruned after {len(curve)} of {spec.recipe.epochs} epochs)")
