"""kNN accuracy against the share of the image that is masked (Fig. 5)."""

from collections.abc import Iterator

from flickrexif.eval.report.charts.base import Chart, metrics_table, numbered
from flickrexif.eval.report.groups import Group, point_of
from flickrexif.eval.report.spec import Figure, Lines, Series
from flickrexif.eval.report.style import percent
from flickrexif.eval.report.wording import extremes, gaps


def _figures(group: Group) -> Iterator[Figure]:
    ratios = numbered(group)
    if not ratios:
        return
    series = tuple(
        Series(name=entry[1].encoder, points=tuple(point_of(entry, ratio) for ratio in ratios))
        for entry in group.entries
    )
    failed = gaps([s.points[0] for s in series if all(point.value is None for point in s.points)])
    yield Figure(
        name=group.name("masking"),
        title=f"kNN accuracy under a centred mask on {group.place}",
        caption=f"kNN accuracy of the class labels of {group.place}{group.n} when a black rectangle hides the centre "
        f"of every image: where it is near chance, the mask leaves little but the traces of the camera.{failed}",
        alt=" ".join(
            extremes(group.points(ratio), f"accuracy at {percent(float(ratio), 0)}")
            for ratio in (ratios[0], ratios[-1])
        ),
        content=Lines(x=tuple(map(float, ratios)), x_label="masked share of the image", series=series),
        y_label="kNN accuracy",
        paper="Fig. 5",
        records=group.paths,
    )


def _columns(group: Group) -> list[tuple[str, str]]:
    return [(ratio, percent(float(ratio), 0)) for ratio in numbered(group)]


CHART = Chart(
    title="kNN accuracy under a centred mask",
    figures=_figures,
    tables=lambda groups: [metrics_table(g, _columns(g), "kNN accuracy by masked share") for g in groups],
)
