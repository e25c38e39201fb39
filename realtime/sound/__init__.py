"""Sound that belongs to a take: of a file, or of a microphone."""
