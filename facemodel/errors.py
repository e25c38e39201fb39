"""The one exception that a user is meant to see."""


class LimelightError(Exception):
    """Something a user can put right. The message is one line: what is wrong, and what to do.

    The command prints it without a traceback and exits with status 1; every other exception is a bug.
    """
