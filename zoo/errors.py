"""The one error for what a user can mend, and the words of its message. Standard library only."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """A mistake in what the user gave: a file, a column, a key. Its message is one line: what, where, what to do.

    The command line prints the message alone and exits with 2; in Python it is an ordinary `ValueError`.
    """


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """The nearest valid name as a question, or the list of valid names when none is near.

    Example:
        >>> did_you_mean("acuracy", ["accuracy", "loss"])
        "did you mean 'accuracy'?"
        >>> did_you_mean("zzz", ["accuracy", "loss"])
        'valid: accuracy, loss'
    """
    names = list(valid)
    folded = {name.lower(): name for name in names}
    near = get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    if near:
        return f"did you mean {folded[near[0]]!r}?"
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"valid: {shown}"
