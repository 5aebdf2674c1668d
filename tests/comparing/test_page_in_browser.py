"""The page in headless Chromium: it draws, sorts, filters, tells values under the pointer, hides runs, and stays offline."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.comparing.comparisons import compared, predictions, run, three_groups, write_rows
from zoo.comparing.comparison import Comparison, Pair
from zoo.comparing.page import page
from zoo.comparing.runs import Run

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"),
]
ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1280,900"
)
EVIL = "</script><img src=x onerror=alert(1)>\"'&<b>🦓 %{x} $a$"
Show = Callable[[Comparison], "Chrome"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One Chromium for all tests of this file."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in [*ARGUMENTS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each page is written: at one address, as Chromium then compiles plotly.js once."""
    return tmp_path_factory.mktemp("page") / "page.html"


@pytest.fixture
def show(browser: Chrome, file: Path) -> Iterator[Show]:
    """Opens the page of a comparison, drawn; afterwards nothing was complained of and nothing fetched."""

    def opened(comparison: Comparison) -> Chrome:
        file.write_text(page(comparison), encoding="utf-8")
        browser.get(file.as_uri())
        wait(browser, "return document.documentElement.dataset.ready === 'yes'")
        return browser

    yield opened
    assert [entry["message"] for entry in log(browser, "browser")] == []
    assert {url.split(":")[0] for url in fetched(browser)} <= {"file", "data", "blob", "chrome", "chrome-untrusted"}


def log(browser: Chrome, kind: str) -> list[dict[str, Any]]:
    """What the browser noted since this was last read."""
    return list(browser.get_log(kind))  # type: ignore[no-untyped-call]


def wait(browser: Chrome, condition: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30, poll_frequency=0.05).until(lambda driver: driver.execute_script(condition))


def fetched(browser: Chrome) -> list[str]:
    """Addresses that the browser asked for since this was last read."""
    events = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]


def ask(browser: Chrome, script: str, *values: Any) -> Any:
    """What a script returns, two frames later: what a click changes is drawn in the next frame."""
    frames = (
        "const done = arguments[arguments.length - 1]; requestAnimationFrame(() => requestAnimationFrame(() => done("
    )
    return browser.execute_async_script(f"{frames}(() => {{ {script} }})())))", *values)


def table(browser: Chrome) -> list[str]:
    """Names of the runs in the table, from the top."""
    return list(
        ask(browser, "return [...document.querySelectorAll('#runs-table tbody th')].map((cell) => cell.textContent)")
    )


def curves(browser: Chrome) -> set[str]:
    """Runs that have a curve in the chart."""
    return set(
        ask(
            browser,
            "return document.getElementById('curves-chart').data.filter((each) => 'meta' in each).map((each) => each.name)",
        )
    )


def click(browser: Chrome, selector: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
    browser.find_element("css selector", selector).click()


def text(browser: Chrome, selector: str) -> str:
    return str(ask(browser, "return document.querySelector(arguments[0]).textContent", selector))


ALL = ["mlp-0", "mlp-1", "cnn-0", "cnn-1", "transformer-0", "transformer-1"]


def test_everything_is_drawn(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    assert text(browser, "#eyebrow") == "6 runs · 3 groups · on sample:digits"
    assert text(browser, "h1") == "mlp-0 leads, but not clearly"
    assert "95 % interval \N{MINUS SIGN}0.010 to +0.270" in text(browser, "#lead")
    assert "chance alone could explain that" in text(browser, "#lead")
    assert table(browser) == ALL
    assert curves(browser) == set(ALL)
    drawn = ask(
        browser, "return [...document.querySelectorAll('.js-plotly-plot')].map((chart) => chart.id || 'matrix')"
    )
    assert drawn == ["groups-chart", "curves-chart", "pairs-chart", "parallel-chart", *["matrix"] * 3]
    assert ask(browser, "return [...document.querySelectorAll('section')].filter((each) => each.hidden).length") == 0
    assert "mlp-0 is better than transformer-0 by more than chance" in text(browser, "#pairs-words")
    assert "mlp-0 and cnn-0 cannot be told apart" in text(browser, "#pairs-words")
    assert text(browser, "#notes") == "transformer-1 was left out of the pairs."
    assert "0.9500 ± 0.0236" in text(browser, "#groups-table")


def test_by_the_loss_the_pairs_are_those_of_the_log_loss(show: Show, tmp_path: Path) -> None:
    runs = three_groups(tmp_path)
    one, other = runs.runs[0].name, next(run.name for run in runs.runs if run.group != runs.runs[0].group)
    pairs = [
        Pair(one, other, metric, -0.1, -0.2, -0.05, 0.01, "paired bootstrap", 30) for metric in ("accuracy", "log_loss")
    ]
    browser = show(replace(runs, metric="test/loss", higher_is_better=False, pairs=pairs))
    assert ask(browser, "return document.getElementById('pairs-metric').value") == "log_loss"
    assert "the log_loss differs by" in text(browser, "#lead")
    assert "lead in log_loss" in text(browser, "#tiles").lower()


def test_a_click_or_a_key_sorts(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    heading = "th[data-key='test/loss']"
    assert ask(browser, f'return document.querySelector("{heading}").ariaSort') == "none"
    click(browser, f"{heading} button")
    assert table(browser) == ALL
    assert ask(browser, f'return document.querySelector("{heading}").ariaSort') == "ascending"
    browser.switch_to.active_element.send_keys("\n")  # the heading kept the focus
    assert table(browser) == ALL[::-1]
    assert ask(browser, f'return document.querySelector("{heading}").ariaSort') == "descending"
    click(browser, "th[data-key='test/accuracy'] button")
    assert table(browser) == ALL  # the best first
    click(browser, "th[data-key='setting model'] button")
    assert table(browser)[0] == "cnn-0"


def test_missing_and_nan_stand_last_either_way(show: Show, tmp_path: Path) -> None:
    values: dict[str, float | None] = {"none": None, "nan": float("nan"), "low": 0.1, "high": float("inf")}
    browser = show(compared([run(tmp_path / name, name, value, {}) for name, value in values.items()]))
    for order in (["high", "low"], ["low", "high"]):
        click(browser, "th[data-key='test/accuracy'] button")
        assert table(browser)[:2] == order
    assert "∞" in text(browser, "#runs-table")
    assert "NaN" in text(browser, "#runs-table")


FILTERS = {
    "cnn": ["cnn-0", "cnn-1"],
    "model_lr<0.05 seed=1": ["cnn-1", "transformer-1"],
    "test/accuracy>=0.9": ["mlp-0", "mlp-1"],
    "model_norm!=batch": ["transformer-0", "transformer-1"],
    "group=mlp": ["mlp-0", "mlp-1"],
    "nothing=here": [],
    "CNN! seed=0": ["cnn-0"],
}


def test_the_filter_holds_everywhere(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    for words, left in FILTERS.items():
        browser.find_element("id", "filter").send_keys(words)
        assert table(browser) == left, words
        assert curves(browser) == set(left)
        matrices = ask(browser, "return [...document.querySelectorAll('.matrix b')].map((name) => name.textContent)")
        assert matrices == [name for name in left if name.endswith("0") or name[:-1] + "0" not in left]
        click(browser, "#show-all")
        assert table(browser) == ALL


def test_the_pointer_on_a_curve_reads_run_and_value(show: Show, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    browser = show(three_groups(tmp_path))
    click(browser, "#curve-band")
    x, y = ask(
        browser,
        "const chart = document.getElementById('curves-chart'); const line = chart.data.find((each) => each.name === 'cnn-1');"
        "const box = chart.querySelector('.nsewdrag').getBoundingClientRect(); const {xaxis, yaxis} = chart._fullLayout;"
        "return [box.left + xaxis.d2p(line.x[2]), box.top + yaxis.d2p(line.y[2])]",
    )
    actions = ActionChains(browser, duration=20)
    actions.w3c_actions.pointer_action.move_to_location(int(x), int(y))  # type: ignore[no-untyped-call]
    actions.perform()
    wait(browser, "return document.querySelector('#curves-chart .hoverlayer .hovertext')")
    label = text(browser, "#curves-chart .hoverlayer .hovertext")
    assert "cnn-1" in label
    assert "val/accuracy 0.733" in label
    assert "epoch 2" in label
    actions.w3c_actions.pointer_action.click()
    actions.perform()
    wait(browser, "return document.querySelector('tr.off')")
    assert curves(browser) == set(ALL) - {"cnn-1"}


def test_a_run_unticked_is_hidden_everywhere(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    click(browser, "tr[data-run='2'] input")
    assert curves(browser) == set(ALL) - {"cnn-0"}
    assert text(browser, "#shown") == "5 of 6 runs shown"
    assert table(browser) == ALL  # to be ticked again
    assert "cnn-0" not in text(browser, "#pairs-words")
    assert "cnn-0" not in text(browser, "#matrices")
    assert "cnn-1" in text(browser, "#matrices")
    assert "cnn-0" not in text(browser, "#config-table")
    for chart in ("parallel-chart", "groups-chart"):
        assert not ask(browser, f"return JSON.stringify(document.getElementById('{chart}').data).includes('cnn-0')")
    click(browser, "#show-all")
    assert curves(browser) == set(ALL)


def test_a_chip_hides_a_group_and_two_clicks_show_it_alone(show: Show, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    browser = show(three_groups(tmp_path))
    click(browser, ".chip[data-kind='mlp']")
    assert curves(browser) == set(ALL[2:])
    assert ask(browser, "return document.querySelector(\".chip[data-kind='mlp']\").ariaPressed") == "false"
    ActionChains(browser).double_click(browser.find_element("css selector", ".chip[data-kind='cnn']")).perform()
    assert curves(browser) == {"cnn-0", "cnn-1"}


def test_axes_metrics_and_bands_can_be_chosen(show: Show, tmp_path: Path) -> None:
    from selenium.webdriver.support.ui import Select

    browser = show(three_groups(tmp_path))
    assert [each.text for each in Select(browser.find_element("id", "curve-axis")).options] == [
        "step",
        "epoch",
        "samples seen",
        "seconds",
    ]
    first = "const {x, y} = document.getElementById('curves-chart').data[0]; return [x, y]"
    assert ask(browser, first)[0] == [0, 1, 2, 3]
    for axis, ends in {"step": (10, 40), "samples_seen": (320, 1280), "seconds": (5, 20)}.items():
        Select(browser.find_element("id", "curve-axis")).select_by_value(axis)
        x, _ = ask(browser, first)
        assert (x[0], x[-1]) == ends
    Select(browser.find_element("id", "curve-metric")).select_by_value("train/loss")
    assert ask(browser, first)[1][:4] == [2, 1, 0.666667, 0.5]
    assert (
        ask(browser, "return document.getElementById('curves-chart').data.length") == 6 + 2 * 3
    )  # a band and a mean each
    click(browser, "#curve-band")
    assert ask(browser, "return document.getElementById('curves-chart').data.length") == 6
    click(browser, "#curve-log")
    assert ask(browser, "return document.getElementById('curves-chart').layout.yaxis.type") == "log"


def test_mean_and_band_are_those_of_the_formula(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    band, mean = ask(browser, "return document.getElementById('curves-chart').data.slice(6, 8).map((each) => each.y)")
    one, other = (accuracy - 0.2 for accuracy in (29 / 30, 28 / 30))  # mlp-0 and mlp-1 after the first epoch
    assert mean[0] == pytest.approx((one + other) / 2, abs=1e-5)
    assert band[0] - mean[0] == pytest.approx(abs(one - other) / 2**0.5, abs=1e-5)


def test_a_range_dragged_on_an_axis_filters(show: Show, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    browser = show(three_groups(tmp_path))
    labels = ask(
        browser, "return document.getElementById('parallel-chart').layout.annotations.map((each) => each.text)"
    )
    assert "model_lr (log)" in labels
    assert "not set" in labels
    left, top, middle = ask(
        browser,
        "const chart = document.getElementById('parallel-chart'); chart.scrollIntoView({block: 'center'});"
        "const box = chart.querySelector('.nsewdrag').getBoundingClientRect(); const {xaxis, yaxis} = chart._fullLayout;"
        "return [box.left + xaxis.d2p(1), box.top + yaxis.d2p(1.05), box.top + yaxis.d2p(0.4)]",
    )
    drag = ActionChains(browser, duration=50)
    pointer = drag.w3c_actions.pointer_action
    for place, (x, y) in enumerate([(left - 15, top), (left, middle), (left + 15, middle)]):
        pointer.move_to_location(int(x), int(y))  # type: ignore[no-untyped-call]
        if place == 0:
            pointer.pointer_down()  # type: ignore[no-untyped-call]
    pointer.pointer_up()  # type: ignore[no-untyped-call]
    drag.perform()
    wait(browser, "return document.getElementById('shown').textContent === '4 of 6 runs shown'")
    assert table(browser) == ALL[:4]  # the upper part of the learning rates
    again = ActionChains(browser, duration=20)
    again.w3c_actions.pointer_action.move_to_location(int(left) + 40, int(middle))  # type: ignore[no-untyped-call]
    again.w3c_actions.pointer_action.double_click()
    again.perform()
    wait(browser, "return document.getElementById('shown').textContent === '6 runs shown'")


def test_what_differs_from_the_best_is_marked(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    rows = ask(
        browser,
        "return [...document.querySelectorAll('#config-table tbody tr')].map((row) => [...row.children].map((cell) => [cell.textContent, cell.className === 'differs']))",
    )
    assert rows[1] == [["model_lr", False], ["0.1", False], ["0.01", True], ["0.001", True]]
    assert rows[2] == [["model_norm", False], ["batch", False], ["batch", False], ["\N{EN DASH}", True]]
    assert rows[-1] == [["seed", False], ["0, 1", False], ["0, 1", False], ["0, 1", False]]
    assert "max_epochs" not in text(browser, "#config-table")
    click(browser, "#config-all")
    assert "max_epochs" in text(browser, "#config-table")


def test_confusion_is_coloured_by_share_and_holds_counts(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    shares, texts = ask(
        browser, "const {z, text} = document.querySelector('.matrix .js-plotly-plot').data[0]; return [z, text]"
    )
    assert shares == [[0.9, 0.1, 0], [0, 1, 0], [0, 0, 1]]  # mlp-0: one cat was taken for a dog
    assert [">9<" in texts[0][0], ">1<" in texts[0][1], texts[0][2]] == [True, True, ""]
    assert "cat → dog1 (10 %)" in text(browser, ".kinds")


def test_many_classes_are_cut_to_the_most_mistaken(show: Show, tmp_path: Path) -> None:
    classes = tuple(f"a rather long name of class {place}" for place in range(80))
    for name, wrong in (("a", 8), ("b", 40)):
        write_rows(tmp_path / name / "predictions.csv", predictions(wrong, rows=160, classes=classes))
    browser = show(compared([run(tmp_path / name, name, 0.9, {}) for name in "ab"]))
    names = "return document.querySelector('.matrix .js-plotly-plot').data[0].z.length"
    assert ask(browser, names) == 15
    assert "15 of 80 classes" in text(browser, "#mistakes-hint")
    browser.execute_script(
        "const choice = document.getElementById('mistakes-classes'); choice.value = '0'; choice.dispatchEvent(new Event('change'))"
    )
    assert ask(browser, names) == 80


def test_any_name_is_shown_as_it_is(show: Show, tmp_path: Path) -> None:
    classes = (EVIL, "constructor", "__proto__")
    for name in ("r", "s"):
        write_rows(tmp_path / name / "predictions.csv", predictions(3, classes=classes))
        write_rows(
            tmp_path / name / "metrics.csv", [{"step": step, "epoch": step, EVIL: 0.5 * step} for step in (1, 2)]
        )
    runs = [
        Run(
            EVIL + name,
            EVIL,
            EVIL,
            {EVIL: EVIL + name, "__proto__": name, "constructor": 1},
            {"test/accuracy": 0.9},
            tmp_path / name,
        )
        for name in ("r", "s")
    ]
    pair = Pair(EVIL + "r", EVIL + "s", EVIL, 0.0, -0.1, 0.1, 1.0, EVIL, 30)
    browser = show(compared(runs, [pair], [EVIL]))
    assert text(browser, "h1").startswith(EVIL)
    assert table(browser) == [EVIL + "r", EVIL + "s"]
    assert text(browser, "#notes") == EVIL
    assert EVIL in text(browser, "#config-table")
    assert EVIL in text(browser, "#curves-chart .ytitle")
    assert ask(browser, "return document.querySelectorAll('img[src=x], section b b, .js-plotly-plot b').length") == 0


def test_runs_without_anything(show: Show, tmp_path: Path) -> None:
    browser = show(compared([run(tmp_path / "a", "g", None, {}), run(tmp_path / "b", "g", None, {})]))
    assert text(browser, "h1") == "a and 1 other run: none has test/accuracy"
    assert table(browser) == ["a", "b"]
    hidden = ask(
        browser, "return [...document.querySelectorAll('section')].filter((each) => each.hidden).map((each) => each.id)"
    )
    assert set(hidden) >= {"curves-section", "pairs-section", "parallel-section", "mistakes-section", "config-section"}


def test_one_run(show: Show, tmp_path: Path) -> None:
    browser = show(compared([three_groups(tmp_path).runs[0]]))
    assert text(browser, "h1") == "mlp-0: test/accuracy 0.9667"
    assert curves(browser) == {"mlp-0"}
    assert ask(browser, "return document.getElementById('bar').hidden")
    assert "max_epochs" in text(browser, "#config-table")


def test_no_run(show: Show) -> None:
    assert text(show(compared([])), "h1") == "No runs"


def test_numbers_are_drawn_against_each_other(show: Show, tmp_path: Path) -> None:
    rows = [{"index": row, "target": row, "prediction": row + 1} for row in range(50)]
    write_rows(tmp_path / "a" / "predictions.csv", rows)
    browser = show(compared([run(tmp_path / "a", "g", 0.5, {})]))
    assert text(browser, "#mistakes-title") == "Predicted against true"
    assert ask(browser, "return document.querySelector('.matrix .js-plotly-plot').data[1].y.slice(0, 2)") == [1, 2]


def test_sixty_runs(show: Show, tmp_path: Path) -> None:
    runs = []
    for place in range(60):
        write_rows(
            tmp_path / f"r{place}" / "metrics.csv",
            [{"step": step, "epoch": step // 50, "train/loss": 1 / (step + place + 1)} for step in range(300)],
        )
        runs.append(
            run(
                tmp_path / f"r{place}",
                f"g{place}",
                place / 60,
                {"model": "abc"[place % 3], "model_lr": 10.0 ** -(place % 5)},
            )
        )
    browser = show(compared(runs))
    assert len(table(browser)) == len(curves(browser)) == 60
    assert (
        ask(browser, "return document.querySelectorAll('.chip').length") == 3
    )  # coloured by the model, not by 60 groups


def test_nothing_runs_over_the_edge_light_or_dark(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    try:
        for width, mode in ((1280, "dark"), (700, "light"), (390, "dark")):
            media = {"features": [{"name": "prefers-color-scheme", "value": mode}]}
            screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
            wait(browser, f"return document.documentElement.scrollWidth <= {width}")
            wait(
                browser,
                "return [...document.querySelectorAll('.chart')].every((c) => c.firstChild.offsetWidth <= c.offsetWidth)",
            )
            dark = ask(browser, "return getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
            assert dark == (mode == "dark")
            colour = ask(browser, "return document.getElementById('curves-chart').data[0].line.color")
            assert colour == ("#56B4E9" if dark else "#0072B2")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_paper_is_light_also_of_a_dark_page(show: Show, tmp_path: Path) -> None:
    browser = show(three_groups(tmp_path))
    colour = "return document.getElementById('curves-chart').data[0].line.color"
    try:
        media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        assert ask(browser, "window.dispatchEvent(new Event('beforeprint')); " + colour) == "#0072B2"
        assert ask(browser, "window.dispatchEvent(new Event('afterprint')); " + colour) == "#56B4E9"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
