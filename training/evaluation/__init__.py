"""Measures of how good a network is, and reports made of them."""
