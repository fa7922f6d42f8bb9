//! The table of agents, cores and rings; start, halt, drain.
