"""The files of a registered data set, and of one that is being registered, by name. Standard library only."""

MANIFEST = "dataset.json"  # written last: it is what makes a directory a data set
SPRITE = "thumbnails.png"
LABELS = "labels.npy"
CONTENTS = "contents.npy"
ORDER = "order.npy"
NAMES = "names.jsonl"
PROBLEMS = "problems.jsonl"
JOURNAL = "journal.bin"
STAGING = "staging.bin"
PLAN = "plan.json"
SCRATCH = "scratch"


def images_file(px: int) -> str:
    """The cache of images of `px` by `px` pixels."""
    return f"images-{px}.bin"


def enlarging_journal(px: int) -> str:
    """The journal of a cache of `px` by `px` pixels that is being made from a smaller one's source."""
    return f"journal-{px}.bin"
