"""A text of somebody else's, cut off where an error message would become too long."""

_LONGEST = 200  # characters


def shortened(text: str) -> str:
    """The text, or its beginning.

    >>> shortened("x" * 1000) == "x" * 200 + "..."
    True
    """
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
