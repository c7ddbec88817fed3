"""The tables and columns of the General Modeling Network Specification (GMNS).

Source: the table schemas of github.com/zephyr-data-specs/GMNS, versions 0.92 to 0.96. A user may
add columns of his own, by custom named ``opt_...``; those listed here as `own` are the ones
`network.writers.gmns` adds to keep what GMNS has no column for, and a plain GMNS reader skips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from network.inventory import Crossing, Lane, Node, Street, Turn
from network.inventory_signals import ControllerPhase, Detector

PREFIX: Final = "opt_"
"""Begin of the names of columns that are not of GMNS."""

BARRIERS = ("none", "regulatory", "physical")
BIKE_FACILITIES = (
    "unseparated bike lane",
    "buffered bike lane",
    "separated bike lane",
    "counter-flow bike lane",
    "paved shoulder",
    "shared lane",
    "shared use path",
    "off-road unpaved trail",
    "other",
    "none",
)
PED_FACILITIES = ("unknown", "none", "shoulder", "sidewalk", "offstreet_path")
PARKING = ("unknown", "none", "parallel", "angle", "other")
CONTROLS = (
    "none",
    "no_control",
    "yield",
    "stop",
    "4_stop",
    "stop_2_way",
    "stop_4_way",
    "signal",
    "signal_with_rtor",
)


class Kind(StrEnum):
    """How an attribute is written in its cell."""

    NUMBER = "number"
    WHOLE = "whole number"
    FLAG = "flag"
    TEXT = "text"
    TEXTS = "texts"
    WHOLES = "whole numbers"
    POINT = "point"
    ROUNDABOUT = "roundabout"


EXTRAS: Final[Mapping[type, Mapping[str, Kind]]] = {
    Node: {"roundabout": Kind.ROUNDABOUT},
    Street: {
        "direction": Kind.TEXT,
        "median_m": Kind.NUMBER,
        "curve_m": Kind.POINT,
        "sign_control": Kind.TEXT,
    },
    Lane: {"taper_m": Kind.NUMBER},
    Crossing: {},
    Turn: {
        "volume_vph": Kind.NUMBER,
        "peak_hour_factor": Kind.NUMBER,
        "heavy_share": Kind.NUMBER,
        "right_on_red": Kind.FLAG,
        "pedestrians_ph": Kind.NUMBER,
        "bicycles_ph": Kind.NUMBER,
        "growth": Kind.NUMBER,
        "ideal_flow_vphpl": Kind.NUMBER,
        "saturation_fixed": Kind.FLAG,
        "lost_time_adjust_s": Kind.NUMBER,
        "headway_factor": Kind.NUMBER,
        "turning_speed_mps": Kind.NUMBER,
        "channelized": Kind.TEXT,
        "uncontrolled": Kind.FLAG,
    },
    ControllerPhase: {
        "recall": Kind.TEXT,
        "dual_entry": Kind.FLAG,
        "min_split_ds": Kind.WHOLE,
        "min_gap_ds": Kind.WHOLE,
        "time_before_reduce_ds": Kind.WHOLE,
        "time_to_reduce_ds": Kind.WHOLE,
        "inhibit_max": Kind.FLAG,
        "ped_calls_ph": Kind.NUMBER,
    },
    Detector: {
        "functions": Kind.TEXTS,
        "more_phases": Kind.WHOLES,
        "extension_ds": Kind.WHOLE,
        "delay_ds": Kind.WHOLE,
        "queue_ds": Kind.WHOLE,
    },
}
"""Attributes that travel in columns of ours, by class."""


@dataclass(frozen=True, slots=True)
class TableForm:
    """What one table may hold.

    Attributes
    ----------
    key
        The column that names its rows; empty where it has none.
    needed
        Columns it cannot do without.
    used
        Further columns that are read.
    own
        Columns of ours.
    extras
        The class whose attributes of `EXTRAS` further columns of ours hold.
    unread
        Columns of GMNS that a street inventory has no place for.
    choices
        The values GMNS allows in a column, lower case; others are reported, not refused.
    renamed
        Older names of columns.
    """

    key: str = ""
    needed: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    extras: type | None = None
    unread: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def read(self) -> tuple[str, ...]:
        """Every column that is read."""
        extras = () if self.extras is None else EXTRAS[self.extras]
        columns = (self.key, *self.needed, *self.used, *self.own, *self.choices)
        return tuple(dict.fromkeys((*columns, *(PREFIX + name for name in extras))))


FORMS: Final[Mapping[str, TableForm]] = MappingProxyType(
    {
        "config": TableForm(
            used=(
                "dataset_name",
                "short_length",
                "long_length",
                "speed",
                "crs",
                "geometry_field_format",
                "currency",
                "version_number",
                "id_type",
            ),
        ),
        "use_definition": TableForm(
            key="use",
            used=("pce", "persons_per_vehicle", "special_conditions", "description"),
        ),
        "use_group": TableForm(key="use_group", needed=("uses",), used=("description",)),
        "geometry": TableForm(key="geometry_id", needed=("geometry",)),
        "node": TableForm(
            key="node_id",
            needed=("x_coord", "y_coord"),
            used=("name", "z_coord", "node_type", "ctrl_type", "parent_node_id"),
            extras=Node,
            unread=("zone_id",),
            choices={"ctrl_type": CONTROLS},
            renamed={"id": "node_id", "node_name": "name", "control_type": "ctrl_type"},
        ),
        "link": TableForm(
            key="link_id",
            needed=("from_node_id", "to_node_id", "directed"),
            used=(
                "name",
                "geometry_id",
                "geometry",
                "dir_flag",
                "length",
                "grade",
                "facility_type",
                "free_speed",
                "lanes",
                "allowed_uses",
                "parent_link_id",
            ),
            own=("opt_node_id", "opt_crosses"),
            extras=Street,
            unread=("capacity", "toll", "jurisdiction", "row_width"),
            choices={
                "bike_facility": BIKE_FACILITIES,
                "ped_facility": PED_FACILITIES,
                "parking": PARKING,
            },
            renamed={"id": "link_id", "allowed_use": "allowed_uses", "link_type": "facility_type"},
        ),
        "lane": TableForm(
            key="lane_id",
            needed=("link_id", "lane_num"),
            used=("allowed_uses", "width"),
            own=("opt_number",),
            extras=Lane,
            choices={"r_barrier": BARRIERS, "l_barrier": BARRIERS},
            renamed={"id": "lane_id", "allowed_use": "allowed_uses", "road_link_id": "link_id"},
        ),
        "segment": TableForm(
            key="segment_id",
            needed=("link_id", "ref_node_id", "start_lr", "end_lr"),
            used=("l_lanes_added", "r_lanes_added"),
            unread=(
                "grade",
                "capacity",
                "free_speed",
                "lanes",
                "parking",
                "allowed_uses",
                "toll",
                "jurisdiction",
                "row_width",
            ),
            choices={"bike_facility": BIKE_FACILITIES, "ped_facility": PED_FACILITIES},
            renamed={"id": "segment_id", "road_link_id": "link_id"},
        ),
        "segment_lane": TableForm(
            key="segment_lane_id",
            needed=("segment_id", "lane_num"),
            used=("parent_lane_id", "allowed_uses", "width"),
            own=("opt_number",),
            extras=Lane,
            choices={"r_barrier": BARRIERS, "l_barrier": BARRIERS},
            renamed={"id": "segment_lane_id", "allowed_use": "allowed_uses"},
        ),
        "movement": TableForm(
            key="mvmt_id",
            needed=("node_id", "ib_link_id", "ob_link_id", "type"),
            used=(
                "start_ib_lane",
                "end_ib_lane",
                "start_ob_lane",
                "end_ob_lane",
                "capacity",
                "ctrl_type",
                "mvmt_code",
            ),
            own=("opt_to_lanes",),
            extras=Turn,
            unread=("name", "penalty", "allowed_uses", "geometry"),
            choices={"ctrl_type": CONTROLS},
            renamed={"id": "mvmt_id", "ib_lane": "start_ib_lane", "ob_lane": "start_ob_lane"},
        ),
        "time_set_definitions": TableForm(
            key="timeday_id",
            needed=(
                "sunday",
                "monday",
                "tuesday",
                "wednesday",
                "thursday",
                "friday",
                "saturday",
                "start_time",
                "end_time",
            ),
            used=("holiday",),
            renamed={"time_day_id": "timeday_id"},
        ),
        "signal_controller": TableForm(
            key="controller_id",
            own=("opt_nodes", "opt_hold_phases"),
            renamed={"id": "controller_id"},
        ),
        "signal_timing_plan": TableForm(
            key="timing_plan_id",
            needed=("controller_id",),
            used=("timeday_id", "time_day", "cycle_length"),
            own=("opt_plan_id", "opt_times_of_day", "opt_control"),
            renamed={"id": "timing_plan_id", "time_day_id": "timeday_id", "timeday": "time_day"},
        ),
        "signal_coordination": TableForm(
            key="coordination_id",
            needed=("timing_plan_id", "controller_id"),
            used=("coord_contr_id", "coord_phase", "coord_ref_to", "offset"),
            own=("opt_reference", "opt_reference_phases"),
            renamed={"id": "coordination_id"},
        ),
        "signal_timing_phase": TableForm(
            key="timing_phase_id",
            needed=("timing_plan_id", "signal_phase_num"),
            used=(
                "min_green",
                "max_green",
                "extension",
                "clearance",
                "walk_time",
                "ped_clearance",
                "ring",
                "barrier",
                "position",
            ),
            own=("opt_yellow", "opt_split"),
            extras=ControllerPhase,
            renamed={"id": "timing_phase_id", "phase_num": "signal_phase_num"},
        ),
        "signal_phase_mvmt": TableForm(
            key="signal_phase_mvmt_id",
            used=(
                "timing_phase_id",
                "controller_id",
                "signal_phase_num",
                "mvmt_id",
                "link_id",
                "protection",
            ),
            renamed={"id": "signal_phase_mvmt_id", "movement_id": "mvmt_id"},
        ),
        "signal_detector": TableForm(
            key="detector_id",
            needed=("controller_id", "signal_phase_num", "link_id", "start_lane", "ref_node_id"),
            used=("end_lane", "det_zone_lr", "det_zone_front", "det_zone_back", "det_type"),
            own=("opt_lanes",),
            extras=Detector,
            renamed={"id": "detector_id"},
        ),
    }
)
"""The tables that are read, by name."""

REQUIRED_TABLES: Final = ("node", "link")
