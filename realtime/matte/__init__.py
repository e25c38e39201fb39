"""The person matte: which part of a frame is a person, hair included."""
