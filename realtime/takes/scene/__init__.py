"""What exporters to 3-D formats share: a person's head as meshes in metres, its motion, and its light."""
