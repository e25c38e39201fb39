"""The live loop: what turns a feed into results and hands them to the sinks."""
