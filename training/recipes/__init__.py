"""How the shipped networks are made, stage by stage."""
