"""Forecasts on the command line and live: their options, files and backtests."""
