"""Summary, time series, breakdown and overview of any period, filtered or not."""
