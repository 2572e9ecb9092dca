"""The table and the figure of docs/augmentation.md, from the records of the networks that were trained.

    python -m benchmarks.augmentation_figure RESULTS… [--svg docs/images/augmentation.svg]

RESULTS are folders of `flickrexif eval probe knn --encoder plain-0=mini:plain@FOLDER/plain-0.safetensors …`: one
encoder a network, named RECIPE-SEED.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import altair
import pandas as pd

from flickrexif.eval.measure import read_result

RECIPES = ("plain", "geometric", "photometric", "processing", "augmented")
PARAMETERS = ("resizing", "sharpening", "jpeg")
SETUPS = {"all_same": "all images processed alike", "neg_same": "only other classes like the query"}


def measured(results: Sequence[Path]) -> pd.DataFrame:
    """A row a network, parameter and number: recipe, seed, parameter, metric, value, low, high; sorted."""
    rows = []
    for path in (path for folder in results for path in folder.rglob("*.json")):
        result = read_result(path)
        recipe, _, seed = result.encoder.partition("?")[0].partition("-")
        if result.task not in ("probe", "knn") or result.parameter not in PARAMETERS or recipe not in RECIPES:
            continue
        for metric in ("accuracy",) if result.task == "probe" else ("all_same", "neg_same", "pos_same"):
            low, high = result.intervals[metric]
            name = "probe" if metric == "accuracy" else metric
            rows.append((recipe, int(seed), result.parameter, name, result.metrics[metric], low, high))
    table = pd.DataFrame(rows, columns=["recipe", "seed", "parameter", "metric", "value", "low", "high"])
    order = {name: place for place, name in enumerate((*RECIPES, *PARAMETERS))}
    return table.sort_values(["seed", "recipe", "parameter"], key=lambda c: c.map(lambda v: order.get(v, v)))


def markdown(table: pd.DataFrame) -> str:
    """A row a network: probe, and kNN all_same / neg_same, of each parameter, in %."""
    lines = [
        "| | " + " | ".join(f"{p}: probe | kNN" for p in PARAMETERS) + " |",
        "|---" * (1 + 2 * len(PARAMETERS)) + "|",
    ]
    for (seed, recipe), rows in table.groupby(["seed", "recipe"], sort=False):
        value = rows.set_index(["parameter", "metric"])["value"]
        cells = [
            f"{100 * value[p, 'probe']:.1f} | {100 * value[p, 'all_same']:.1f} / {100 * value[p, 'neg_same']:.1f}"
            for p in PARAMETERS
        ]
        lines.append(f"| {recipe}, seed {seed} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figure(table: pd.DataFrame) -> altair.FacetChart:
    """kNN accuracy of each recipe, a panel a parameter; marks differ by set-up, lines are 95% intervals."""
    shown = table[table.metric.isin(SETUPS)].assign(
        setup=lambda t: t.metric.map(SETUPS), network=lambda t: t.recipe + " " + t.seed.astype(str)
    )
    networks = list(dict.fromkeys(shown.sort_values(["recipe", "seed"], key=_by_recipe).network))
    base = altair.Chart(shown, width=150, height=190).encode(
        y=altair.Y("network:N", sort=networks, title=None),
        color=altair.Color("setup:N", title=None, scale=altair.Scale(range=["#0072B2", "#D55E00"])),
    )
    marks = base.mark_point(filled=True, size=60).encode(
        x=altair.X("value:Q", title="kNN accuracy", scale=altair.Scale(zero=False), axis=altair.Axis(format="%")),
        shape=altair.Shape("setup:N", legend=None),
    )
    lines = base.mark_rule().encode(x="low:Q", x2="high:Q")
    return (lines + marks).facet(altair.Column("parameter:N", sort=list(PARAMETERS), title=None))


def _by_recipe(column: pd.Series) -> pd.Series:
    return column.map({name: place for place, name in enumerate(RECIPES)}).fillna(column)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    table = measured(options.results)
    print(markdown(table))
    if options.svg:
        figure(table).save(options.svg)


if __name__ == "__main__":
    main()
