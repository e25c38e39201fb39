"""Pictures that leave the program: video files."""
