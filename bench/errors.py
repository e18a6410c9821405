"""The one exception that a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """What the user asked for cannot be done.

    The message is one sentence that says what is wrong, where, and what to do.
    The command line prints it and exits with 2, without a traceback.
    """
