"""What is served to browsers and to other programs through WebSockets."""
