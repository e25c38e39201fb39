"""What the people at the controls can do, as one table of commands, and what calls it: OSC, MIDI, DMX, a web page."""
