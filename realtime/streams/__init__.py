"""Streams: sinks that tell other programs of a face, one file for each protocol."""
