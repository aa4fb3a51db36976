"""What a run found, as tables, as JSON, and as the one line that compares."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.metrics import GROUPS, METRICS, SUMMARY, Group, Metric
from bench.rounds import Samples

OURS, REFERENCE = "umbra", "wireguard-go"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    label: str
    version: str


def median(samples: Samples, name: str, key: str) -> float | None:
    values = samples.get(name, {}).get(key)
    return statistics.median(values) if values else None


def ratio(samples: Samples, name: str, other: str, key: str) -> float | None:
    value, base = median(samples, name, key), median(samples, other, key)
    return value / base if value is not None and base else None


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def cell(samples: Samples, name: str, metric: Metric, reference: str = REFERENCE) -> str:
    """Median, (least–most), × the reference."""
    values = samples.get(name, {}).get(metric.key)
    if not values:
        return "-"
    text = number(statistics.median(values), metric.digits)
    if len(values) > 1:
        text += f" ({min(values):.{metric.digits}f}–{max(values):.{metric.digits}f})"
    times = ratio(samples, name, reference, metric.key)
    return text if times is None or name == reference else f"{text} ×{times:.2f}"


def table(
    group: Group, rows: Sequence[Row], samples: Samples, reference: str = REFERENCE
) -> list[str]:
    """Without rows and columns of which nothing was measured; nothing when that is all."""
    metrics = [m for m in group.metrics if any(m.key in samples[row.name] for row in rows)]
    if not metrics:
        return []
    rows = [row for row in rows if any(m.key in samples[row.name] for m in metrics)]
    cells = [[group.title, *(m.title for m in metrics)]]
    cells += [
        [row.label, *(cell(samples, row.name, m, reference) for m in metrics)] for row in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(1, len(cells[0]))]
    first = max(len(row.label) for row in rows)
    lines = ["", cells[0][0], " " * first]
    lines[-1] += "".join(f"  {t:>{w}}" for t, w in zip(cells[0][1:], widths))
    for line in cells[1:]:
        columns = "".join(f"  {text:>{width}}" for text, width in zip(line[1:], widths))
        lines.append(f"{line[0]:{first}}{columns}")
    return lines


def tables(
    rows: Sequence[Row],
    samples: Samples,
    groups: Sequence[Group] = GROUPS,
    reference: str = REFERENCE,
) -> str:
    return "\n".join(line for group in groups for line in table(group, rows, samples, reference))


def summary(samples: Samples) -> str | None:
    """`umbra/wireguard-go tcp1 R …`, when both took part."""
    if OURS not in samples or REFERENCE not in samples:
        return None
    parts = [f"{OURS}/{REFERENCE}"]
    for name, key in SUMMARY:
        parts += [name, number(ratio(samples, OURS, REFERENCE, key), 2)]
    return " ".join(parts)


def as_json(
    rows: Sequence[Row],
    samples: Samples,
    failures: Mapping[str, Sequence[str]],
    skipped: Mapping[str, str],
    circumstances: Mapping[str, Any],
    metrics: Mapping[str, Metric] = METRICS,
) -> str:
    contenders = {}
    for row in rows:
        figures = {
            key: {
                "unit": metrics[key].unit if key in metrics else "",
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
                "samples": values,
            }
            for key, values in samples[row.name].items()
        }
        contenders[row.name] = {
            "label": row.label,
            "version": row.version,
            "figures": figures,
            "failures": list(failures.get(row.name, ())),
        }
    whole = {**circumstances, "skipped": dict(skipped), "contenders": contenders}
    return json.dumps(whole, indent="\t", ensure_ascii=False) + "\n"


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
