"""An SVG of the medians: one panel a figure, one bar a contender, thin lines from least to most."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.measures.time import LOST_MS
from bench.metrics import METRICS, Metric
from bench.report import OURS, Row, median
from bench.rounds import Samples

PANELS = ("tcp1", "wire_tcp1", "tcp8", "rev", "udp64", "rtt_p99", "cpu", "memory")
TITLES = {
    "tcp1": "One TCP stream on the veth",
    "wire_tcp1": "One TCP stream on the wire",
    "tcp8": "Eight TCP streams",
    "rev": "One TCP stream, reverse",
    "udp64": "UDP, 64 bytes, at most 1 % lost",
    "rtt_p99": "Round trip under load, p99",
    "cpu": "Processor time, whole machine",
    "memory": "Peak memory of one end",
}
COLUMNS = 2
WIDTH, MARGIN, LABELS, VALUES = 460, 16, 170, 84
TITLE_HEIGHT, BAR_HEIGHT, STEP, GAP = 26, 13, 20, 22

# Both themes of whatever shows it.
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 } .unit { fill: #6e7781 }
.bar { fill: #9aa4af } .ours { fill: #0969da } .range { stroke: #24292f; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .unit { fill: #8d96a0 } .bar { fill: #57606a } .ours { fill: #4493f8 }
.range { stroke: #e6edf3 }
}"""


def panel(metric: Metric, rows: Sequence[Row], samples: Samples, x: float, y: float) -> list[str]:
    medians = {row.name: median(samples, row.name, metric.key) for row in rows}
    # A time that stands for what was lost is no length for a bar, and would dwarf the others.
    lost = {name for name, value in medians.items() if metric.unit == "ms" and value == LOST_MS}
    measured = [name for name, value in medians.items() if value is not None and name not in lost]
    top = max((max(samples[name][metric.key]) for name in measured), default=0)
    scale = (WIDTH - LABELS - VALUES) / (top or 1)
    better = "more" if metric.more_is_better else "less"
    parts = [
        f'<text x="{x}" y="{y + 14}" class="title">{escape(TITLES[metric.key])}'
        f'<tspan class="unit" font-weight="400" dx="6">{escape(metric.unit)}, {better} is better'
        "</tspan>"
        "</text>"
    ]
    left = x + LABELS
    for index, row in enumerate(rows):
        line = y + TITLE_HEIGHT + index * STEP
        base = line + BAR_HEIGHT - 2
        place = f'x="{left - 8}" y="{base}" text-anchor="end"'
        parts.append(f"<text {place}>{escape(row.label)}</text>")
        value = medians[row.name]
        if value is None or row.name in lost:
            why = "not measured" if value is None else "lost"
            parts.append(f'<text x="{left}" y="{base}" class="unit">{why}</text>')
            continue
        values = samples[row.name][metric.key]
        kind = "bar ours" if row.name.startswith(OURS) else "bar"
        parts.append(
            f'<rect x="{left}" y="{line}" width="{max(1, value * scale):.1f}" '
            f'height="{BAR_HEIGHT}" rx="2" class="{kind}"/>'
        )
        low, high = left + min(values) * scale, left + max(values) * scale
        if high - low >= 1:
            middle = line + BAR_HEIGHT / 2
            parts.append(
                f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 3}v6'
                f'M{high:.1f} {middle - 3}v6" class="range"/>'
            )
        parts.append(
            f'<text x="{max(left + value * scale, high) + 6:.1f}" y="{base}">'
            f"{value:.{metric.digits}f}</text>"
        )
    return parts


def chart(rows: Sequence[Row], samples: Samples) -> str:
    keys = [key for key in PANELS if any(key in samples[row.name] for row in rows)]
    height = TITLE_HEIGHT + len(rows) * STEP + GAP
    lines = -(-len(keys) // COLUMNS)
    size = (COLUMNS * WIDTH + 2 * MARGIN, lines * height + 2 * MARGIN - GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" '
        f'width="{size[0]}" height="{size[1]}" role="img">',
        "<title>Umbra beside other VPNs, medians of one run</title>",
        f"<style>{STYLE}</style>",
    ]
    for index, key in enumerate(keys):
        x = MARGIN + index % COLUMNS * WIDTH
        y = MARGIN + index // COLUMNS * height
        parts += panel(METRICS[key], rows, samples, x, y)
    return "\n".join([*parts, "</svg>"]) + "\n"
