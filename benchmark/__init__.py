"""How fast the live loop is on this machine, beside its peers: what `limelight benchmark` measures and prints."""
