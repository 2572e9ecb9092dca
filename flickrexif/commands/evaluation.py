"""What `evaluate` gives: it prints as a table, is a DataFrame, shows itself in a notebook and opens its report."""

import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.commands.places import Place
from flickrexif.core.errors import UsageError
from flickrexif.core.text import plain
from flickrexif.eval.results import Result, results_table
from flickrexif.eval.suite import Done, Item

if TYPE_CHECKING:
    import pandas as pd

REASON = 80  # characters of a reason in a table


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evaluation:
    """The measurements of encoders: the plan, their outcomes, and the folder of the records, or the file of one."""

    folder: Path
    items: tuple[Item, ...]
    data_dir: Path
    outcomes: tuple[Done, ...] = ()  # none of a dry run

    @property
    def results(self) -> tuple[Result, ...]:
        """The records, also of failed measurements, whose metrics are None."""
        return tuple(outcome.result for outcome in self.outcomes if outcome.result is not None)

    @property
    def failed(self) -> tuple[Done, ...]:
        """The outcomes of failed measurements."""
        return tuple(outcome for outcome in self.outcomes if outcome.failed)

    def table(self) -> "pd.DataFrame":
        """A row a metric of each record, with its interval: the columns of `eval.results.COLUMNS`."""
        return results_table(self.results)

    @property
    def finding(self) -> tuple[str, ...]:
        """What the records say, in at most three sentences with their intervals."""
        from flickrexif.eval.report.score.answer import finding_lines  # as late as the page

        return finding_lines([(str(outcome.item.path), outcome.result) for outcome in self.outcomes if outcome.result])

    def report(self, out: Place | None = None, *, show: bool = True) -> Path:
        """Write the page of all records in the folder, `show` it in the browser, and return its path.

        `out` is its folder (None: `report` beside the records). Raises as `flickrexif.report`.
        """
        if not self.folder.is_dir():
            raise UsageError(f"{self.folder} is no folder of records.", "Evaluate with a folder as `out`.")
        from flickrexif.commands.report import report  # drawing is loaded when it is asked for

        page = report(self.folder, out=out, data_dir=self.data_dir).index
        if show:
            webbrowser.open(page.absolute().as_uri())
        return page

    def __repr__(self) -> str:
        """The headline numbers of each measurement; of a dry run the plan."""
        return f"{self._shown().to_string(index=False)}\nRecords: {self.folder}"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """The same table, for a notebook."""
        return self._shown().to_html(index=False)

    def _shown(self) -> "pd.DataFrame":
        import pandas as pd

        if not self.outcomes:
            return pd.DataFrame([{**_what(item), "state": item.state} for item in self.items])
        shown = pd.DataFrame([row for outcome in self.outcomes for row in _rows(outcome)]).fillna("")
        return shown.loc[:, (shown != "").any()]


def _what(item: Item) -> dict[str, Any]:
    measurement = item.measurement
    return {
        "encoder": item.candidate.spec.key,
        "task": measurement.task,
        "of": measurement.label,
        "data set": item.subject.data.name,
    }


def _rows(outcome: Done) -> Iterator[dict[str, Any]]:
    """A row a headline metric; a single row with the reason where there is no number."""
    result, measurement = outcome.result, outcome.item.measurement
    metrics = result.metrics if result else {}
    values = {name: value for name in measurement.headlines if (value := metrics.get(name)) is not None}
    if result is None or not values:
        reason = outcome.failed or (result.reason if result else outcome.item.reason)
        yield _what(outcome.item) | {"reason": plain(reason, REASON)}
    else:
        chance = metrics.get("chance")
        for name, value in values.items():
            low, high = result.intervals.get(name, (None, None))
            interval = "" if low is None else f"{low:.3f} to {high:.3f}"
            of_chance = f"{chance:.3f}" if chance is not None and name == "accuracy" else ""
            yield _what(outcome.item) | {"metric": name, "value": f"{value:.3f}", "95%": interval, "chance": of_chance}
