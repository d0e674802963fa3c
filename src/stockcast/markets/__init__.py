"""Exchanges and their sessions, currencies, suffixes of tickers, and names of companies."""
