"""Every error a user can meet: one line saying what happened, the value, and what to do.

RelightError
├── InputError     a setting or a file name is wrong
├── MediaError     a file can't be read as video, or can't be written
├── ModelError     weights are missing, incomplete or of the wrong kind
└── Cancelled      the user stopped the run
"""


class RelightError(Exception):
    """Base of all errors raised on purpose; its text is fit to be shown as it is."""


class InputError(RelightError, ValueError):
    """A parameter, a key or a path given by the user is not usable."""


class MediaError(RelightError):
    """A media file cannot be read, or the output cannot be written."""


class ModelError(RelightError):
    """Model weights are missing, incomplete, unsafe or of the wrong architecture."""


class Cancelled(RelightError):
    """The run was stopped by the user; nothing was written at the final name."""
