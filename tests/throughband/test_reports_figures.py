"""Figures hold what they promise, inside their frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from network.timing import CoordinationGroup, PlanSet
from tests.throughband.reports_street import plan, story, street_network, validation
from throughband.reports import style
from throughband.reports.charts import CountChart, before_after_chart, count_chart
from throughband.reports.comparison import comparison
from throughband.reports.network_map import (
    approach_delay_change,
    approach_saturation,
    network_map,
)
from throughband.reports.split_bars import omitted_phases, split_bars
from throughband.reports.time_space import time_space_diagram
from throughband.reports.timing_sheet import timing_sheets

LONG = tuple(f"junction with a rather long name {i}" for i in range(5))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


def space(names: tuple[str, ...] = ("A", "B", "C")) -> Figure:
    told = story(names)
    assert told.corridor is not None
    panels = (("Before", told.in_force), ("After", told.new_plans()))
    return time_space_diagram(told.corridor, told.network, panels)


def plain_map() -> Figure:
    told = story()
    values = approach_delay_change(told.street, told.model_before, told.model_after)
    return network_map(told.network, values, "change [s/veh]", {"A", "B"}, told.corridor)


def bars() -> Figure:
    signal = street_network("A").signals["A"]
    return split_bars(signal, plan("A", 90, 50), plan("A", 40, 20))


def counts() -> Figure:
    flow = np.arange(32, dtype=np.float64).reshape(4, 8) * 10
    flow[1, 2] = np.nan
    names = tuple(f"in{i}>out{i}" for i in range(8))
    begins = 900.0 * np.arange(4)
    return count_chart(CountChart(names, begins, flow, flow, flow * 0.8, flow * 1.2, "10 to 90 %"))


def differences() -> Figure:
    return before_after_chart(comparison(validation()), 2)


@pytest.mark.parametrize("make", [space, lambda: space(LONG), plain_map, bars, counts, differences])
def test_no_text_leaves_the_figure(make: Callable[[], Figure]) -> None:
    figure = make()
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    frame = figure.bbox
    for text in shown(figure):
        if not text.get_text():
            continue
        box = text.get_window_extent(renderer)
        assert box.x0 >= frame.x0 - 1, text
        assert box.x1 <= frame.x1 + 1, text
        assert box.y0 >= frame.y0 - 1, text
        assert box.y1 <= frame.y1 + 1, text


def shown(figure: Figure) -> Iterator[Text]:
    """Texts that were placed by hand; tick labels beyond the axis limits are not drawn."""
    yield from figure.texts
    for legend in figure.legends:
        yield from legend.get_texts()
    for axes in figure.axes:
        if axes.get_visible():
            yield from axes.texts
            yield from (axes.xaxis.label, axes.yaxis.label)


def test_diagram_writes_band_widths_plans_and_offset_reference() -> None:
    said = "\n".join(texts(space()))
    assert re.search(r"outbound band [\d.]+ s", said)
    assert "offset 20 s (begin of green, ph 1)" in said
    assert "splits [s] 1:35 2:25" in said
    assert "attainability" in said


def test_diagram_shows_both_cycles_where_a_signal_runs_half() -> None:
    told = story()
    assert told.corridor is not None
    plans = {"A": plan("A", 80, 40), "B": plan("B", 40, 20, 7), "C": plan("C", 80, 40)}
    figure = time_space_diagram(told.corridor, told.network, (("Now", plans),))
    said = "\n".join(texts(figure))
    assert "cycle 80 s, offset 0 s" in said
    assert "cycle 40 s (half of 80), offset 7 s" in said
    assert "cycles differ" not in said
    # Three of the longest cycles are drawn, in which B's offset comes six times.
    events = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert sorted(len(line.get_xdata()) for line in events) == [4, 4, 6]  # type: ignore[arg-type]


def test_sheet_tells_whose_half_a_cycle_is() -> None:
    told = story()
    plans = (plan("A", 80, 40), plan("B", 40, 20, 7), plan("C", 60))
    plan_set = PlanSet("street", plans, {}, (CoordinationGroup(80, ("A", "B")),))
    sheets = timing_sheets(told.network, told.in_force, plan_set, {})
    assert [sheet.cycle for sheet in sheets] == [
        "60 → 80 s, common to 2 signals",
        "60 → 40 s, half of the 80 s of its group of 2 signals",
        "60 s",
    ]


def test_a_sheet_says_where_the_offset_in_force_counts_from_another_phase() -> None:
    told = story()
    other = next(n for n in plan("A").sequence if n != plan("A").coordinated_phase)
    plan_set = PlanSet("street", (replace(plan("A"), coordinated_phase=other), plan("B")), {})
    first, second = timing_sheets(told.network, told.in_force, plan_set, {})
    assert "in force: begin of green of phase 1" in first.reference
    assert "in force" not in second.reference


def test_diagram_says_why_there_is_no_band() -> None:
    told = story()
    assert told.corridor is not None
    plans = {**told.in_force, "B": plan("B", 80)}
    said = texts(time_space_diagram(told.corridor, told.network, (("Now", plans),)))
    assert any("cycles differ" in text for text in said)


def test_map_distinguishes_signals_left_alone() -> None:
    axes = plain_map().axes[0]
    markers = [line.get_marker() for line in axes.lines]
    assert markers.count("o") == 2
    assert markers.count("s") == 1


def test_approach_values_cover_every_busy_approach() -> None:
    told = story()
    change = approach_delay_change(told.street, told.model_before, told.model_after)
    assert set(change) == set(told.street.approach_names)
    assert set(approach_saturation(told.street, told.model_after)) == set(change)


def test_omitted_phases_are_those_no_longer_served() -> None:
    longer = plan("A")
    assert omitted_phases(longer, longer) == ()
    assert omitted_phases(None, longer) == ()


def test_dollar_signs_in_names_are_no_formulas() -> None:
    assert "$x^2$" in style.svg(space(("$x^2$", "B")), "a", "t")


def test_svg_of_equal_figures_is_equal_and_needs_nothing_outside() -> None:
    one, other = (style.svg(space(), "a", "t") for _ in range(2))
    assert one == other
    assert "http" not in one


@given(st.lists(st.floats(0, 100), max_size=8).map(sorted), st.floats(0.1, 20))
def test_labels_moved_apart_keep_their_order_and_distance(
    values: list[float], least: float
) -> None:
    moved = style.apart(values, least)
    assert len(moved) == len(values)
    assert all(b - a >= least - 1e-6 for a, b in pairwise(moved))
