"""Prices on their way in, before anything is made from them."""
