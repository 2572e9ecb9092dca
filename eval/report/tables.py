"""The tables of a report: one for each measurement, and the numbers behind each figure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from flickrexif.eval.report.entries import Entry, grouped, point_of, slug, used_entries
from flickrexif.eval.report.figures_neighbors import SETUPS
from flickrexif.eval.report.figures_probe import (
    MITIGATIONS,
    Published,
    agreed_chance,
    by_subject,
    name_of,
    nothing_published,
)
from flickrexif.eval.report.spec import (
    Bars,
    Cloud,
    Column,
    Distributions,
    Figure,
    GroupedDots,
    Lines,
    Pairwise,
    Point,
    Series,
    Strips,
    Table,
)
from flickrexif.eval.report.style import family_order, percent, short
from flickrexif.eval.report.wording import capital, dataset_of, settings_of, subject_of, where_of
from flickrexif.eval.results import Result

Cells = tuple[str | Point, ...]
MetricColumns = Sequence[tuple[str, str]]
"""(metric, title of its column)."""

ENCODER = Column(name="encoder", title="Encoder", is_metric=False)
FAMILY = Column(name="family", title="Family", is_metric=False)
NO_RECORD = "not measured"
CHANCE = "chance"  # stands where other rows name the encoder

RECALLS = (
    ("same", "same type"),
    ("different", "other type"),
    ("same_phone", "same, phone queries"),
    ("different_phone", "other, phone queries"),
    ("same_camera", "same, camera queries"),
    ("different_camera", "other, camera queries"),
)


def tables(results: Sequence[Entry], published: Published = nothing_published) -> list[tuple[str, Table]]:
    """(section, table) of each measurement for which some encoder has a number; rows are sorted by family and name."""
    return [(section, table) for section, table in _tables(used_entries(results), published) if _has_numbers(table)]


def _has_numbers(table: Table) -> bool:
    return any(isinstance(cell, Point) and cell.value is not None for row in table.cells for cell in row)


def _tables(entries: Sequence[Entry], published: Published) -> Iterator[tuple[str, Table]]:
    probes = by_subject(grouped(entries, "probe"))
    for section, kind in (("Processing", "processing"), ("Acquisition", "acquisition")):
        groups = [group for group in probes if bool(group[0][1].parameter) == (kind == "processing")]
        if groups:
            yield section, _probe_table(kind, groups)
    for group in grouped(entries, "masking"):
        yield "Acquisition", _metrics_table(group, _metrics(group), "kNN accuracy by masked share", published)
    for group in by_subject(grouped(entries, "knn")):
        setups = [(name, name.replace("_", "-")) for name in SETUPS]
        yield "Semantics", _metrics_table(group, setups, "Five set-ups", published)
    for group in by_subject(grouped(entries, "neighbors")):
        names = [(name, f"k = {name}") for name, _ in _metrics(group)]
        yield "Neighbours", _metrics_table(group, names, "Neighbours of the same kind", published)
    for group in grouped(entries, "retrieval"):
        yield "Neighbours", _metrics_table(group, RECALLS, "recall@1 of the pair", published)
    for group in by_subject(grouped(entries, "mitigation")):
        measures = (("accuracy", "trace left"), ("all_same", "all-same"))
        columns = [(f"{name}.{metric}", f"{name}, {title}") for metric, title in measures for name in MITIGATIONS]
        yield "Mitigation", _metrics_table(group, columns, "After mitigation", published)


def _probe_table(kind: str, groups: Sequence[list[Entry]]) -> Table:
    """The probes of all labels: a column for each label, data set and setting."""
    datasets = {group[0][1].dataset for group in groups}
    settings = {settings_of(group[0][1]) for group in groups}
    columns = [ENCODER, FAMILY]
    for group in groups:
        result = group[0][1]
        title = capital(subject_of(result)) + (f", {dataset_of(result)}" if len(datasets) > 1 else "")
        title += settings_of(result) if len(settings) > 1 else ""
        columns.append(Column(name=name_of("probe", result), title=title, higher_is="more trace"))
    where = dataset_of(groups[0][0][1]) if len(datasets) == 1 else ""
    rows = _rows(groups, [("accuracy",)] * len(groups))
    chance = [agreed_chance([r.metrics.get("chance") for _, r in group]) for group in groups]
    suffix = f" on {where}" if where else ""
    return Table(
        name=f"probe-{kind}",
        title=f"Linear probe of {kind}{suffix}{next(iter(settings)) if len(settings) == 1 else ''}",
        caption=f"Accuracy of the linear probe, in %, by encoder{suffix}.",
        columns=tuple(columns),
        cells=((CHANCE, "", *(percent(value) for value in chance)), *rows),
    )


def _metrics_table(group: Sequence[Entry], metrics: MetricColumns, title: str, published: Published) -> Table:
    """The table of one measurement, with a column for each metric that some record has."""
    result = group[0][1]
    measured = [metric for metric in metrics if any(metric[0] in r.metrics for _, r in group)] or list(metrics)
    names = tuple(name for name, _ in measured)
    subject = where_of(result)
    columns = tuple(Column(name=name, title=column_title) for name, column_title in measured)
    return Table(
        name=name_of(result.task, result),
        title=f"{title}: {subject}",
        caption=f"{title}, in %, by encoder: {subject}.",
        columns=(ENCODER, FAMILY, *columns),
        cells=tuple(_rows([list(group)], [names])),
        published=_published_rows(result, names, published),
    )


def _metrics(group: Sequence[Entry]) -> list[tuple[str, str]]:
    """The metrics whose names are numbers (k, mask ratios), rising, with the number in % as the title."""
    names = {name for _, r in group for name in r.metrics if name.replace(".", "", 1).isdecimal()}
    return [(name, percent(float(name), 0)) for name in sorted(names, key=float)]


def _rows(groups: Sequence[Sequence[Entry]], metrics: Sequence[Sequence[str]]) -> list[Cells]:
    """A row for each encoder of any group: its name, its family, and `metrics[i]` of the group i."""
    by_encoder: dict[str, dict[int, Entry]] = {}
    families: dict[str, str] = {}
    for place, group in enumerate(groups):
        for entry in group:
            by_encoder.setdefault(entry[1].encoder, {})[place] = entry
            families[entry[1].encoder] = entry[1].family or ""
    order = sorted(by_encoder, key=lambda encoder: family_order(families[encoder], encoder))
    return [
        (encoder, families[encoder], *_values(encoder, families[encoder], by_encoder[encoder], metrics))
        for encoder in order
    ]


def _values(encoder: str, family: str, entries: dict[int, Entry], metrics: Sequence[Sequence[str]]) -> Iterator[Point]:
    for place, names in enumerate(metrics):
        for name in names:
            entry = entries.get(place)
            none = Point(encoder=encoder, family=family, value=None, reason=NO_RECORD)
            yield point_of(entry, name) if entry else none


def _published_rows(
    result: Result, names: Sequence[str], published: Published
) -> tuple[tuple[str | float | None, ...], ...]:
    """The paper's numbers as rows: one for each encoder or level that it has a number for."""
    values_by_row: dict[str, dict[str, float]] = {}
    for name in names:
        for encoder, value in published(result, name):
            values_by_row.setdefault(encoder, {})[name] = value
    return tuple((name, "", *(values.get(name) for name in names)) for name, values in values_by_row.items())


# --- the numbers behind a figure


def table_of(figure: Figure) -> Table | None:
    """The numbers that a figure shows; None for strips, which show images."""
    content = _content_table(figure)
    if content is None:
        return None
    columns, cells = content
    return Table(name=figure.name, title=figure.title, caption=figure.caption, columns=columns, cells=cells)


def _content_table(figure: Figure) -> tuple[tuple[Column, ...], tuple[Cells, ...]] | None:
    content, label = figure.content, figure.y_label
    match content:
        case Bars():
            return _by_encoder([Series(name=label or "value", points=content.points)])
        case GroupedDots():
            return _by_encoder(content.series)
        case Lines():
            points = ([series.points[at] for series in content.series] for at in range(len(content.x)))
            named = zip(content.x, points, strict=True)
            return _by_encoder([Series(name=percent(x, 0), points=tuple(mine)) for x, mine in named])
        case Pairwise():
            return _by_encoder(
                [Series(name=content.x_label, points=content.x), Series(name=content.y_label, points=content.y)]
            )
        case Distributions():
            return _by_bin(content)
        case Cloud():
            return _by_label(content)
        case Strips():
            return None


def _by_encoder(series: Sequence[Series]) -> tuple[tuple[Column, ...], tuple[Cells, ...]]:
    columns = (ENCODER, FAMILY, *(Column(name=slug(line.name), title=line.name) for line in series))
    rows = zip(*(line.points for line in series), strict=True)
    return columns, tuple((points[0].encoder, points[0].family, *points) for points in rows)


def _by_bin(content: Distributions) -> tuple[tuple[Column, ...], tuple[Cells, ...]]:
    lines = [(panel.encoder, name, shares) for panel in content.panels for name, shares in panel.shares]
    columns = [Column(name="bin", title=content.x_label, is_metric=False)]
    columns += [Column(name=slug(encoder, name), title=f"{short(encoder)}: {name}") for encoder, name, _ in lines]
    rows: list[Cells] = []
    for at, (low, high) in enumerate(pairwise(content.edges)):
        shares = (Point(encoder=encoder, family="", value=shares[at]) for encoder, _, shares in lines)
        rows.append((f"{low:.2f} to {high:.2f}", *shares))
    return tuple(columns), tuple(rows)


def _by_label(content: Cloud) -> tuple[tuple[Column, ...], tuple[Cells, ...]]:
    columns = (
        Column(name="label", title="Label", is_metric=False),
        Column(name="points", title="Points", is_metric=False),
    )
    return columns, tuple((label, str(count)) for label, count in sorted(Counter(content.labels).items()))
