"""Pick the few words of a command's own out of a command line; all others go to the parser."""

from __future__ import annotations

from zoo.errors import InputError


def take_option(words: list[str], *names: str) -> tuple[list[str], str | None]:
    """The value of `NAME VALUE` or `NAME=VALUE`, and the words without it.

    Example:
        >>> take_option(["a", "--output", "b.csv", "c"], "-o", "--output")
        (['a', 'c'], 'b.csv')
    """
    for at, word in enumerate(words):
        if word in names:
            if at + 1 == len(words) or words[at + 1].startswith("-"):
                raise InputError(f"{word} needs a value")
            return words[:at] + words[at + 2 :], words[at + 1]
        key, separator, value = word.partition("=")
        if separator and key in names:
            return words[:at] + words[at + 1 :], value
    return words, None


def take_flag(words: list[str], name: str) -> tuple[list[str], bool]:
    """Whether the flag was typed, and the words without it."""
    return [word for word in words if word != name], name in words
