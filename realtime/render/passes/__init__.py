"""The passes of a picture, one a file; `realtime.render.composer` puts them in order."""
