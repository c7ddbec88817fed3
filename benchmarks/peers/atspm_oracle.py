"""What Oregon's ``atspm`` makes of a log. Run by an interpreter that has it, not by ours.

``PYTHON atspm_oracle.py LOG CONFIG`` prints JSON: vehicles per device and detector, and arrivals
and their share on green per device and phase, each over the whole log.
"""

import json
import sys

import pandas as pd
from atspm import SignalDataProcessor


def main() -> None:
    log, config = sys.argv[1:3]
    raw = pd.read_csv(log, parse_dates=["TimeStamp"], dtype={"DeviceId": str})
    detectors = pd.read_csv(config, dtype={"DeviceId": str})
    processor = SignalDataProcessor(
        raw_data=raw,
        detector_config=detectors,
        bin_size=15,
        remove_incomplete=False,
        verbose=0,
        aggregations=[
            {"name": "actuations", "params": {"fill_in_missing": False}},
            {"name": "arrival_on_green", "params": {"latency_offset_seconds": 0}},
        ],
    )
    processor.load()
    processor.aggregate()
    said = {}
    frame = processor.conn.query("SELECT * FROM actuations").df()
    totals = frame.groupby(["DeviceId", "Detector"])["Total"].sum()
    said["actuations"] = [
        [device, int(detector), int(total)] for (device, detector), total in totals.items()
    ]
    frame = processor.conn.query("SELECT * FROM arrival_on_green").df()
    frame["green"] = frame["Percent_AOG"] * frame["Total_Actuations"]
    summed = frame.groupby(["DeviceId", "Phase"])[["Total_Actuations", "green"]].sum()
    said["arrivals"] = [
        [device, int(phase), int(total), float(green / total)]
        for (device, phase), (total, green) in zip(summed.index, summed.to_numpy(), strict=True)
    ]
    processor.close()
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
