"""Persons: how a face's own expressions are read, measured once and kept."""
