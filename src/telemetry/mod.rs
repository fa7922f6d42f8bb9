//! Counters, histograms, reports.
