"""One Chromium for all tests; without one they are skipped, unless CI says that one must be there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.report.html.browser import Browser, Page, find


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = find()
    if path is None:
        reason = "no Chromium is installed: the HTML report is not opened for real"
        if os.environ.get("IPCSIM_REQUIRE_CHROMIUM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with Browser(path, tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new tab, as large as a projector."""
    made = browser.page()
    yield made
    made.close()
