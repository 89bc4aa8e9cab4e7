"""Counts in sentences: one place decides between singular and plural. Standard library only."""


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, thousands grouped; the plural is the singular with an s unless it is given.

    >>> counted(1, "class", "classes"), counted(0, "image"), counted(12_000, "image")
    ('1 class', '0 images', '12,000 images')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
