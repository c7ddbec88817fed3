"""A virtual signal cabinet, and the SNMP agent that speaks for it.

- The cabinet: `cabinet` holds everything together, built from a `config`, with the setup of
  `delivery` (`tables`, `timetable`, `preempt_table`).
- Its database: `store`, `transaction`, and what is computed in it: `status`, `preempt_status`.
- Which program runs: `clock`, `timebase`, `daylight` and `zone` for the time of day, `caller` for
  who calls, `program` for what a pattern means, `selection` for the outcome, `preemption` for what
  comes first.
- The lamps: `sections` and `phase_timing` say what a program is, `ring` what one ring shows, and
  `rings` which engine moves them: `planned` (with `transition`) or `actuated` (with `greens`,
  `force_offs`, `cycle_clock`).
- Traffic: `counting` and `calls`; central control besides patterns: `controls`; both taken
  together: `demand`.
- The watch over the lamps: `monitor`, `channels`, `crossings`.
- The wire: `agent`, `responder`, `ber`, and for SNMPv3 `usm`, `v3`, `v3_engine`.
- What can go wrong: `faults` and `disguise` inside the device, `relay` on the line.
"""
