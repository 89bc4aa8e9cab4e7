"""What a training's curves say of it: diverged, overfits, noisy, underfits, or fits, and by which rule.

Training accuracy is measured during the epoch, with dropout and augmentation and weights in motion, so it is too low
rather than too high, and the gap to validation is if anything larger than the one seen.
"""

import math
import statistics as stdlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from models.wording import counted, percent

Label = Literal["diverged", "overfits", "noisy", "underfits", "fits"]
LABELS: tuple[Label, ...] = get_args(Label)  # the worst first: of labels with as many runs, the worse one is told

SURE = 3.0  # standard errors: by chance alone one in 370 trainings would be told so
BLUNT = 0.01  # a hundredth: what is smaller is not told, however many images there are
# Training minus validation. Measured with efficientnet-nano on digits (tests/search/curves.json): 0.016 after 8 epochs
# of the default recipe, 0.019 after 16, 0.22 on 150 of the images, 0.29 with wrong labels
GAP = 0.05
RISEN = 1.1  # last over least validation loss. Measured there: 1.06 and less where all is well, 2.1 with wrong labels
RISE = 0.05  # nats: the right class is given a twentieth less probability; below, a high ratio is one of small numbers
NOTHING = 1e-6  # nats: a loss below counts as this, so that a ratio to it stays a number
LAST = 3  # epochs whose median stands for the end, so that one bad epoch at the end decides nothing
FAST = 0.2  # of the validation loss within LAST epochs. Measured there: half and more early on, then about a tenth
SETTLED = 0.5  # the share of the epochs from which on a curve should have settled
MISSED = 0.9  # training accuracy below which the training images themselves are not learnt
SWELLED = 2.0  # training loss over that of guessing. Measured there: 1.3 before anything is learnt, 100 at a wild rate


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch measured: losses in nats, accuracies as fractions. The balanced one is of validation."""

    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    balanced_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What the curves are of. With `mixed` labels (mixup, cutmix) training accuracy is of no use and is left out."""

    classes: int
    validation_images: int
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A label, the rule that gave it as a sentence with its numbers, and these numbers by name."""

    label: Label
    rule: str
    values: Mapping[str, float]

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {"label": self.label, "rule": self.rule, "values": dict(self.values)}


def diagnose(curve: Sequence[Epoch], task: Task, *, diverged: bool = False) -> Diagnosis | None:
    """The first rule that holds, in the order of `LABELS`; None without an epoch.

    `diverged` says that the training ended because a loss or a weight was not finite.

    >>> fine = Epoch(0.6, 0.97, 0.2, 0.96)
    >>> diagnose([fine] * 4, Task(10, 1000)).rule
    'over the last 3 epochs training 97.0 %, validation 96.0 %: a gap of 1.0 points, within 5.0'
    """
    if diverged or not all(map(_is_finite, curve)):
        epoch = sum(1 for _ in _until_broken(curve))
        return Diagnosis(
            "diverged", f"a loss or a weight was no longer finite after {counted(epoch, 'epoch')}", {"epoch": epoch}
        )
    if not curve:
        return None
    for rule in (_swelled, _gap, _loss_rose, _unsteady, _constant, _chance, _not_learnt):
        found = rule(curve, task)
        if found is not None:
            return found
    return _fits(curve, task)


def agree(found: Sequence[Diagnosis]) -> Diagnosis | None:
    """One diagnosis for several runs of a network: the commonest, of equally common ones the worse; None of none."""
    if len(found) < 2:
        return found[0] if found else None
    counts = Counter(each.label for each in found)
    label = min(counts, key=lambda name: (-counts[name], LABELS.index(name)))
    first = next(each for each in found if each.label == label)
    rule = f"{counts[label]} of {len(found)} trainings, the first: {first.rule}"
    return Diagnosis(label, rule, first.values)


def _swelled(curve: Sequence[Epoch], task: Task) -> Diagnosis | None:
    """Far worse than a network that guesses: the weights ran away, though they stayed finite."""
    guessing = max(math.log(task.classes), BLUNT)
    last = _end(curve, "train_loss")
    if last <= SWELLED * guessing:
        return None
    rule = (
        f"{_late(curve)}the training loss is {last:.3g}, more than {SWELLED:g} times the {guessing:.3g} that guessing "
        f"among {task.classes} classes costs"
    )
    return Diagnosis("diverged", rule, {"train_loss": last, "limit": SWELLED * guessing})


def _gap(curve: Sequence[Epoch], task: Task) -> Diagnosis | None:
    """Training is ahead of validation by more than the size of the validation split explains, and stays so."""
    if task.mixed or _catches_up(curve):
        return None
    train, validation, limit = _gap_values(curve, task)
    if train - validation <= limit:
        return None
    rule = (
        f"{_late(curve)}training {_percent(train)}, validation {_percent(validation)}: a gap of "
        f"{_points(train - validation)} points, more than {_points(limit)}"
    )
    return Diagnosis("overfits", rule, {"gap": train - validation, "limit": limit})


def _catches_up(curve: Sequence[Epoch]) -> bool:
    """Whether validation was still getting better fast: the averaged network that is evaluated lags behind early on."""
    before, last = curve[max(0, len(curve) - 1 - LAST)], curve[-1]
    gained = last.validation_accuracy - before.validation_accuracy
    return len(curve) == 1 or last.validation_loss < before.validation_loss * (1 - FAST) or gained > GAP


def _loss_rose(curve: Sequence[Epoch], task: Task) -> Diagnosis | None:  # noqa: ARG001 - all rules are called alike
    """Validation became worse while training became better."""
    losses = [epoch.validation_loss for epoch in curve]
    at = losses.index(min(losses))
    behind = curve[at + 1 :]
    if len(behind) < LAST:
        return None
    least = max(losses[at], NOTHING)
    ratio = _median(epoch.validation_loss for epoch in behind[-LAST:]) / least
    better = _median(epoch.train_loss for epoch in behind[-LAST:]) < curve[at].train_loss
    best = max(epoch.validation_accuracy for epoch in curve[: at + 1])
    gained = _median(epoch.validation_accuracy for epoch in behind[-LAST:]) - best
    if not (ratio > RISEN and (ratio - 1) * least > RISE and better and gained <= 0):
        return None
    rule = (
        f"since epoch {at + 1} the validation loss rose by {percent(ratio - 1, 0)}, more than {percent(RISEN - 1, 0)}, "
        "and accuracy by nothing, while the training loss fell"
    )
    return Diagnosis("overfits", rule, {"epoch": at + 1, "loss_ratio": ratio, "limit": RISEN})


def _unsteady(curve: Sequence[Epoch], task: Task) -> Diagnosis | None:
    """Late in the training validation accuracy fell and came back, or fell in its last epoch."""
    first = int(len(curve) * SETTLED)
    values = [epoch.validation_accuracy for epoch in curve[first:]]
    if len(values) < LAST:
        return None
    limit = max(BLUNT, SURE * _standard_error(stdlib.median(values), task))
    dips = [_dip(values, at) for at in range(1, len(values))]
    deepest = max(dips)
    if deepest <= limit:
        return None
    epoch = first + 2 + dips.index(deepest)
    came_back = "and came back" if epoch < len(curve) else "in the last one"
    rule = (
        f"at epoch {epoch} validation accuracy fell by {_points(deepest)} points {came_back}, more than "
        f"{_points(limit)}, which {task.validation_images:,} images explain"
    )
    return Diagnosis("noisy", rule, {"epoch": epoch, "fall": deepest, "limit": limit})


def _constant(curve: Sequence[Epoch], task: Task) -> Diagnosis | None:
    """However right it is: on balance no class is told from another, as by naming the commonest one alone."""
    values = [epoch.balanced_accuracy for epoch in curve[-LAST:] if epoch.balanced_accuracy is not None]
    if task.classes < 2 or not values or (reached := stdlib.median(values)) > 1 / task.classes + NOTHING:
        return None
    rule = (
        f"{_late(curve)}validation {_percent(_end(curve, 'validation_accuracy'))}, but balanced accuracy "
        f"{_percent(reached)}: naming one class alone reaches as much of {task.classes}"
    )
    return Diagnosis("underfits", rule, {"balanced_accuracy": reached, "limit": 1 / task.classes})


def _chance(curve: Sequence[Epoch], task: Task) -> Diagnosis | None:
    """No better than guessing."""
    reached = _end(curve, "validation_accuracy")
    chance = 1 / task.classes
    limit = min(1.0, chance + SURE * _standard_error(chance, task))
    if task.classes < 2 or reached > limit:
        return None
    rule = (
        f"{_late(curve)}validation {_percent(reached)}, which guessing among {task.classes} classes reaches by chance"
    )
    return Diagnosis("underfits", rule, {"validation_accuracy": reached, "limit": limit})


def _not_learnt(curve: Sequence[Epoch], task: Task) -> Diagnosis | None:
    """The training images themselves are not learnt. Validation tells too: augmented images are harder than plain."""
    train, validation = _end(curve, "train_accuracy"), _end(curve, "validation_accuracy")
    reached = validation if task.mixed else max(train, validation)
    if reached >= MISSED:
        return None
    shown = f"validation {_percent(validation)}"
    if not task.mixed:
        shown = f"training {_percent(train)}, {shown}"
    rule = f"{_late(curve)}{shown}, less than {_percent(MISSED)}: {_advice(curve)}"
    return Diagnosis("underfits", rule, {"accuracy": reached, "limit": MISSED})


def _advice(curve: Sequence[Epoch]) -> str:
    """Whether more epochs could help."""
    losses = [epoch.train_loss for epoch in curve[-LAST:]]
    if len(losses) == 1:
        return "one epoch says no more"
    falls = losses[-1] < losses[0] * (1 - BLUNT)
    return (
        f"the training loss {'was still falling' if falls else 'no longer fell'} after {counted(len(curve), 'epoch')}"
    )


def _fits(curve: Sequence[Epoch], task: Task) -> Diagnosis:
    train, validation, limit = _gap_values(curve, task)
    if task.mixed:
        rule = f"{_late(curve)}validation {_percent(validation)}; of mixed labels training accuracy says nothing"
        return Diagnosis("fits", rule, {"validation_accuracy": validation})
    gap = train - validation
    rule = (
        f"{_late(curve)}training {_percent(train)}, validation {_percent(validation)}: a gap of {_points(gap)} points, "
        f"within {_points(limit)}"
    )
    return Diagnosis("fits", rule, {"gap": gap, "limit": limit})


def _gap_values(curve: Sequence[Epoch], task: Task) -> tuple[float, float, float]:
    """(training, validation, limit of the gap) at the end."""
    train, validation = _end(curve, "train_accuracy"), _end(curve, "validation_accuracy")
    return train, validation, max(GAP, SURE * _standard_error(validation, task))


def _dip(values: Sequence[float], at: int) -> float:
    """How far a value lies below both what was reached before and what came after; the last, below the one before."""
    if at == len(values) - 1:
        return values[at - 1] - values[at]
    return min(max(values[:at]), max(values[at + 1 :])) - values[at]


def _standard_error(accuracy: float, task: Task) -> float:
    """Of an accuracy on the validation split (binomial); at least one image."""
    return max(math.sqrt(accuracy * (1 - accuracy) / task.validation_images), 1 / task.validation_images)


def _end(curve: Sequence[Epoch], name: str) -> float:
    return _median(getattr(epoch, name) for epoch in curve[-LAST:])


def _median(values: Iterator[float]) -> float:
    return stdlib.median(values)


def _is_finite(epoch: Epoch) -> bool:
    return all(map(math.isfinite, (epoch.train_loss, epoch.validation_loss)))


def _until_broken(curve: Sequence[Epoch]) -> Iterator[Epoch]:
    for epoch in curve:
        if not _is_finite(epoch):
            return
        yield epoch


def _late(curve: Sequence[Epoch]) -> str:
    """Of how many epochs the medians are, where it is more than one."""
    return f"over the last {min(LAST, len(curve))} epochs " if len(curve) > 1 else ""


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _points(difference: float) -> str:
    return f"{100 * difference:.1f}"
