# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A headless Chromium on one of the page's windows, and what tests see and do there."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --hide-scrollbars --disable-dev-shm-usage"
).split()
PATIENCE_S = 90  # an emulated device beside other tests
WIDE, NARROW = (1280, 900), (420, 900)


class Browser:
    """shots: folder for screenshots, or None for none. Selenium has to be importable."""

    def __init__(self, profile: Path, shots: Path | None):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        options.binary_location = "/usr/bin/chromium"
        service = webdriver.ChromeService("/usr/bin/chromedriver")
        self.driver, self.shots = webdriver.Chrome(options=options, service=service), shots
        self.resize(WIDE)

    def resize(self, size: tuple[int, int]) -> None:
        """Of what the page sees: a headless window may not be as narrow as asked."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False},
        )

    def open(self, url: str) -> None:
        self.driver.get(url)
        self.until(lambda: self.all("[data-testid=stForm], [data-testid=stAlert]"), "the page")

    def go_to(self, title: str) -> None:
        """By the link above the page, which leaves what was typed and embedded."""
        self.click("a", title)

    def all(self, selector: str) -> list:
        return [found for found in self.driver.find_elements("css selector", selector) if found.is_displayed()]

    def texts(self, selector: str) -> list[str]:
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(found => (found.innerText ?? found.textContent).trim())",
            selector,
        )

    def body(self) -> str:
        return self.driver.execute_script("return document.body.innerText")

    def until(self, condition: Callable, wanted: str, seconds: float = PATIENCE_S):
        """What the condition returns once that is true; a page that is drawn anew meanwhile is asked again."""
        from selenium.common.exceptions import WebDriverException

        deadline, found = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            try:
                found = condition()
            except WebDriverException:
                found = None
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{wanted} did not come within {seconds} s; the page says:\n{self.body()[-3000:]}")

    def see(self, text: str) -> None:
        self.until(lambda: text in self.body(), repr(text))

    def settle(self) -> None:
        """Until no script runs, as Streamlit's own sign for tests says."""
        self.until(lambda: self.all("[data-test-script-state=notRunning]"), "rest")

    def click(self, selector: str, text: str) -> None:
        def clicked() -> bool:
            wanted = [found for found in self.all(selector) if found.text.strip() == text]
            for found in wanted[:1]:
                found.click()
            return bool(wanted)

        self.until(clicked, f"{selector} with {text!r}")

    def type(self, selector: str, text: str) -> None:
        """In place of what is there. A "\\n" at the end is the key Enter."""
        self.settle()

        def typed() -> bool:
            field = self.all(selector)[0]
            field.send_keys("\ue009a\ue000" + text.rstrip("\n"))  # Control-A
            return field.get_attribute("value") == text.rstrip("\n")

        self.until(lambda: self.all(selector) and typed(), selector)
        if text.endswith("\n"):
            self.press("\n")

    def press(self, keys: str) -> None:
        """To whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(keys)

    def shoot(self, name: str) -> None:
        if self.shots is not None:
            self.settle()
            time.sleep(1)  # charts grow into their place
            self.driver.save_screenshot(str(self.shots / f"{name}.png"))

    def hosts(self) -> set[str]:
        """That the page asked since the last call."""
        from urllib.parse import urlsplit

        found = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            url = message["params"].get("request", message["params"]).get("url", "")
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                found.add(urlsplit(url)[:2])
        return {host.partition(":")[0] for scheme, host in found if scheme in ("http", "https", "ws", "wss")}

    def close(self) -> None:
        self.driver.quit()


def screenshots() -> Path | None:
    """The folder that BGE_SCREENSHOTS names."""
    folder = os.environ.get("BGE_SCREENSHOTS")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)
