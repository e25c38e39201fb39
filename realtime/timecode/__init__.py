"""Where timecode comes from: the system's clock, sound (LTC) or MIDI (MTC)."""
