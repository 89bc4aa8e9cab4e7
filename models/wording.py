"""Counts, shares and sizes in sentences: one place for plurals and for numbers with units. Standard library only."""


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, thousands grouped; the plural is the singular with an s unless it is given.

    >>> counted(1, "class", "classes"), counted(0, "image"), counted(12_000, "image")
    ('1 class', '0 images', '12,000 images')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction in percent, with a blank before the sign as the SI has it.

    >>> percent(0.98123), percent(0.5, 0)
    ('98.12 %', '50 %')
    """
    return f"{fraction:.{digits}%}".replace("%", " %")


def decimal_size(count: float) -> str:
    """Bytes in decimal units, as disks are sold.

    >>> decimal_size(1_234_567), decimal_size(2.5e9)
    ('1.2 MB', '2.5 GB')
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def memory_size(count: float) -> str:
    """Bytes in binary units, as the memory of devices is sold.

    >>> memory_size(3 * 2**29), memory_size(2**20), memory_size(2**39)
    ('1.5 GiB', '0.000977 GiB', '512 GiB')
    """
    size = count / 2**30
    return f"{size:,.0f} GiB" if size >= 100 else f"{size:.3g} GiB"


def millions(count: float, noun: str, digits: int = 1) -> str:
    """A number of multiply-adds or parameters.

    >>> millions(39_400_000, "multiply-adds")
    '39.4 M multiply-adds'
    """
    return f"{count / 1e6:,.{digits}f} M {noun}"
