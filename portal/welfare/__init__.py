"""Programmes and the money behind them."""
