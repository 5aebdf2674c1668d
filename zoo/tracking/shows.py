"""What a logger offers that shows more than numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from zoo.tracking.examples import Example
from zoo.tracking.report import Report


class Shows(ABC):
    """A logger that takes pictures and reports."""

    @abstractmethod
    def show_pictures(self, pictures: Mapping[str, bytes]) -> None:
        """Keep pictures, PNG, by name."""

    @abstractmethod
    def show_report(self, report: Report, shown: Sequence[Example]) -> None:
        """Keep what a test says beyond its metrics.

        Args:
            report: Its numbers.
            shown: The rows of its mistakes, as a person sees them.
        """
