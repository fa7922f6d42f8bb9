//! Agents, runners, idle strategies, rings, clocks, affinity: threads that do not know what they carry.
