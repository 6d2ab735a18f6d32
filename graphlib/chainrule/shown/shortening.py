"""What an error message shows of a text that somebody else wrote."""

_LONGEST = 200  # characters


def beginning(text: str) -> str:
    """The text, cut off where it is too long for a message.

    >>> beginning("x" * 1000) == "x" * 200 + "..."
    True
    """
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
