"""The arithmetic of the benchmarks: alternation, ratios, verdicts."""

from benchmarks.ratios import Result, alternate, ratio


def test_ways_take_turns_and_each_round_begins_with_another() -> None:
    order: list[str] = []

    def way(name: str, cost: float) -> float:
        order.append(name)
        return cost

    costs = alternate({"a": lambda: way("a", 2.0), "b": lambda: way("b", 4.0)}, rounds=3)
    assert costs == {"a": [2.0] * 3, "b": [4.0] * 3}
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert ratio(costs, "b", "a").ratios == [2.0] * 3


def test_the_median_decides() -> None:
    assert Result("x", [1.0, 1.1, 9.0], bar=1.15).reached
    assert Result("x", [1.0, 1.1, 9.0], bar=1.15, at_most=False).reached is False
    assert Result("x", [1.0]).reached is None
