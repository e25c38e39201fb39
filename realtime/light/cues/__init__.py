"""Cues: what a show does when, and the clock that does it."""
