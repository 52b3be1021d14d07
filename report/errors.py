"""The one exception that a user sees."""


class ReportError(Exception):
    """Says what is wrong, where, and the way out; `__main__` prints it and exits with 2."""
