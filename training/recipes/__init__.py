"""Recipes: from nothing to a network, its report and its card, each a list of stages on one page."""
