"""From a picture to the parameters of the faces in it: finding, following, smoothing."""
