"""A section's ratios as bars, in SVG, drawn by hand: groups are points (resolutions), colours the rivals."""

import statistics
from collections.abc import Sequence
from html import escape

from tests.benchmarks.figures import Figure

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 300, 40, 52, 28  # pixels; room for labels on three sides
# Okabe & Ito 2008: told apart with any kind of colour vision
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")


def bars(figures: Sequence[Figure]) -> str:
    """How many times as fast effscale is; a whisker is the range, the line is where both are equal."""
    points = list(dict.fromkeys(figure.point for figure in figures))
    rivals = list(dict.fromkeys(figure.versus for figure in figures))
    top = max(max(figure.ratios) for figure in figures) * 1.1
    group = (WIDTH - LEFT) / len(points)
    wide = 0.8 * group / len(rivals)

    def y(ratio: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - ratio / top)

    drawn = [_legend(rivals), _line(LEFT, y(0), WIDTH, y(0), "#666"), _line(LEFT, y(1), WIDTH, y(1), "#999", "4 3")]
    drawn.append(_text(LEFT - 6, y(1) + 4, "1 x", "end"))
    drawn += [_text(LEFT + (place + 0.5) * group, HEIGHT - 8, point) for place, point in enumerate(points)]
    for figure in figures:
        number = rivals.index(figure.versus)
        left = LEFT + points.index(figure.point) * group + 0.1 * group + number * wide
        middle, ratio = left + wide / 2, statistics.median(figure.ratios)
        drawn.append(
            f'<rect x="{left + 1:.1f}" y="{y(ratio):.1f}" width="{wide - 2:.1f}" height="{y(0) - y(ratio):.1f}" '
            f'fill="{COLOURS[number % len(COLOURS)]}"/>'
        )
        drawn.append(_line(middle, y(min(figure.ratios)), middle, y(max(figure.ratios)), "#222"))
        drawn.append(_text(middle, y(max(figure.ratios)) - 4, f"{ratio:.3g}"))
    body = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _legend(rivals: Sequence[str]) -> str:
    """Two columns of names above the bars."""
    parts = []
    for number, rival in enumerate(rivals):
        x, y = LEFT + number % 2 * (WIDTH - LEFT) / 2, 8 + number // 2 * 18
        parts.append(f'<rect x="{x:.1f}" y="{y}" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>')
        parts.append(_text(x + 15, y + 9, f"against {rival}", "start"))
    return "\n".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dashes: str = "none") -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-dasharray="{dashes}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
