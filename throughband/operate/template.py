"""A configuration of operation to begin with: everything that may be set, with its default."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from network.errors import ThroughbandError


def write_operate_config(path: Path, scenario: str, bridge: str) -> None:
    """Write a configuration in which everything that may be set stands as a comment.

    Raises
    ------
    ThroughbandError
        If there is one already, or it cannot be written.
    """
    text = _TEMPLATE.format(scenario=scenario, bridge=bridge)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ThroughbandError(f"{path}: exists already; name a new file") from error
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be written ({error.strerror})") from error


_TEMPLATE: Final = """\
# Configuration of 'throughband operate'; paths are relative to this file.
scenario = "{scenario}"            # the network: a folder that 'import' made, a .sumocfg, a name
bridge = "{bridge}"             # devices, journal, state and [counts] are the bridge's
folder = "operate"                # plans, outbox and state of operation
# mode = "ask"                    # a person approves every plan; "act": by itself within [limits]
# push_approved = true            # false leaves pushing to the console's operators
# interval_s = 60                 # between two looks
# answer_within_min = 720         # a plan that waits longer for an answer is dropped
# keep_plans = 50                 # folders of plans to keep

# [regime]                        # when a new plan is sought
# leave_share = 0.15              # share of the traffic other than the plan was made for, or
# leave_cost = 1.25               # expected cost per vehicle over that when it was made,
# looks = 2                       # in so many forecasts in a row,
# between_searches_min = 20       # and not sooner after the last search
# worth_share = 0.04              # a change has to save both in the model
# worth_veh_h = 1.0

# [limits]                        # beyond them a person is asked
# signals = ["s1", "s2"]          # none: all of the device list
# max_cycle_step_s = 30
# max_split_step_s = 20           # without these two any; a change of the phases served, which
# max_offset_step_s = 20          # has no step, is then asked for
# may_drop_phases = false         # true: leave out phases, as of protected left turns, unasked
# may_act_on_queues = false       # true: use plans unasked that were made while a queue is told
# max_changes_per_day = 12
# least_between_min = 30
# [[limits.hours]]                # none: always; in the bridge's time_zone (UTC if unsaid)
# days = ["mon", "tue", "wed", "thu", "fri"]
# begin = "06:00"
# end = "22:00"

# [planning]
# horizon_min = 60
# effort = 400                    # of the search, and its time limit
# time_limit_s = 120
# give_up_s = 900                 # a planner that takes longer is stopped
# seeds = 4                       # simulated hours of each plan
# workers = 2
# shortest_cycle_s = 30
# longest_cycle_s = 120
# calibration = "calibration.json"

# [evaluation]                    # a plan is taken back by these
# settle_min = 10                 # left out after a change
# least_intervals = 3             # counting intervals before anything is concluded
# most_intervals = 12             # judged for so long
# lost_share = 0.10               # served so much less than was forecast,
# sure_sd = 2.5                   # so many standard deviations beyond what forecasts miss,
# most_occupied = 2.0             # a vehicle stands on detectors so many times as long, or
# worse_share = 0.10              # costs so much more in the model with the traffic that came

# [levels]                        # forecast plans, plan of the day, controllers' own schedule
# fall_after_min = 10
# return_after_min = 15

# [[plan_of_day]]                 # none: the controllers' own schedule
# plan = "day/plan-1.json"
# report = "day/plan-1.validation.json"
# days = ["mon", "tue", "wed", "thu", "fri"]
# begin = "06:00"
# end = "09:00"

# [warnings]
# raise_after = 2                 # looks in a row that see it
# clear_after = 2
# same_within_min = 30            # what comes back so soon is the same warning
# reports_per_week = 0.5          # false reports of incidents that are borne

# [notices]
# most_per_hour = 12              # what comes on top is gathered
# urgent_breaks_in = true
# [[notices.quiet]]
# days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# begin = "22:00"
# end = "06:00"
# [notices.webhook]
# url = "https://hooks.example.org/signals"
# token_file = "hook.secret"      # readable by its owner alone
# [notices.email]
# host = "mail.example.org"
# port = 587
# security = "starttls"           # tls, none
# sender = "signals@example.org"
# to = ["engineer@example.org"]
# user = "signals"
# password_file = "mail.secret"
# [notices.mqtt]
# host = "broker.example.org"
# port = 1883
# topic = "throughband"
# user = "signals"
# password_file = "mqtt.secret"
# tls = false

# [database]                      # that of the console
# url = "sqlite:///console.sqlite"
# backups = "backups"
"""
