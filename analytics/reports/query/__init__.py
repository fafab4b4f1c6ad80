"""Summary, time series and breakdown of any period, filtered or not."""
