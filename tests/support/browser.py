"""A real browser for the tests, and what is checked of every page: accessibility, keyboard, telephone, CSP, language.

    with Browser() as browser:
        page = browser.open(address)
        check_page(page)

It drives the Chromium or Chrome of the machine; it downloads none.
"""

from __future__ import annotations

import os
import shutil
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, sync_playwright

INSIST = "RUJUKAN_INSIST_ON_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NO_BROWSER = "there is no Chromium or Chrome here"
TELEPHONE = {"width": 360, "height": 780}
DESKTOP = {"width": 1280, "height": 900}
#: CSS pixels that a finger needs.
TARGET = 44


def find_browser() -> str | None:
    """The path of a Chromium or Chrome on this machine; None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def require_browser() -> str:
    """The path of a browser. Without one the test is left out, loudly; with RUJUKAN_INSIST_ON_BROWSER=1 it fails."""
    path = find_browser()
    if path is None:
        reason = f"{NO_BROWSER} ({', '.join(NAMES)}): browser tests are left out"
        if os.environ.get(INSIST) == "1":
            pytest.fail(f"{reason}, but {INSIST}=1")
        pytest.skip(reason)
    return path


class Browser:
    """A browser with one window. `violations` and `foreign` fill up with what no page may do."""

    def __init__(self, javascript: bool = True, viewport: dict[str, int] | None = None) -> None:
        self.javascript = javascript
        self.viewport = viewport or DESKTOP
        self.origin = ""
        self.violations: list[str] = []
        self.foreign: list[str] = []
        self.errors: list[str] = []

    def __enter__(self) -> Browser:
        path = require_browser()
        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        except BaseException:
            self._playwright.stop()
            raise
        self.context: BrowserContext = self._browser.new_context(
            viewport=self.viewport,  # type: ignore[arg-type]
            java_script_enabled=self.javascript,
            locale="en-GB",
        )
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._requested)
        # What the checks read; a page cannot hide its own violations.
        self.page.rujukan = self  # type: ignore[attr-defined]
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._browser.close()
        self._playwright.stop()

    def open(self, address: str, status: int | None = None) -> Page:
        """Goes to an address and waits until it is loaded. The first one says what our own origin is. An
        answer with another `status` than is given fails: "there is no such page" is a page as well."""
        parts = urlsplit(address)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        answer = self.page.goto(address, wait_until="load")
        assert status is None or (answer is not None and answer.status == status), address
        return self.page

    def sign_in(self, base_url: str, email: str, password: str, language: str = "id") -> Page:
        """Signs in by the real page and waits for what comes after it."""
        page = self.open(f"{base_url}/{language}/sign-in")
        page.fill("input[type=email], input[name=email]", email)
        page.fill("input[type=password]", password)
        page.locator("main form button[type=submit]").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    def _heard(self, message: Any) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.violations.append(message.text)

    def _requested(self, request: Any) -> None:
        url = request.url
        if not url.startswith(("data:", "blob:", "about:")) and self.origin and not url.startswith(self.origin + "/"):
            self.foreign.append(url)


def check_page(page: Page, language: str | None = None) -> None:
    """Everything that must hold on every page, and in its error state: fails with the list of what does not."""
    _settle(page)
    problems = [*_axe(page), *_described_by(page), *_radio_groups(page), *_language(page, language)]
    was = page.viewport_size
    page.set_viewport_size(TELEPHONE)  # type: ignore[arg-type]
    problems += [*_sideways(page), *_small_targets(page)]
    if was:
        page.set_viewport_size(was)
    browser: Browser = page.rujukan  # type: ignore[attr-defined]
    problems += [f"CSP: {each}" for each in browser.violations]
    problems += [f"a request to another origin: {each}" for each in browser.foreign]
    problems += [f"an error in the page's script: {each}" for each in browser.errors]
    assert not problems, f"{page.url}:\n  " + "\n  ".join(problems)


def check_error_state(page: Page, submit: str = "main form button[type=submit]") -> None:
    """Sends the page's form as it is: the error summary must take the focus and its links must lead to inputs."""
    page.locator(submit).last.click()
    summary = page.locator(".govuk-error-summary")
    summary.wait_for()
    _until(page, "document.activeElement.classList.contains('govuk-error-summary')")
    links = summary.locator("a")
    assert links.count() > 0, f"{page.url}: the error summary has no links"
    for index in range(links.count()):
        target = (links.nth(index).get_attribute("href") or "")[1:]
        found = page.evaluate("id => document.getElementById(id)?.matches('input, select, textarea') ?? false", target)
        assert found, f"{page.url}: the link {target!r} in the error summary leads to no input"
    links.first.click()
    focused = page.evaluate("document.activeElement.id")
    assert focused == (links.first.get_attribute("href") or "")[1:], f"{page.url}: the focus went to {focused!r}"
    check_page(page)


def check_keyboard(page: Page) -> None:
    """By keyboard only: the first Tab is the skip link, it moves nothing and leads to the content, and nothing keeps
    the focus. (A page that went up as the link lost the focus went away under who clicked.)"""
    page.evaluate("document.activeElement?.blur?.(); window.scrollTo(0, 0)")
    page.reload(wait_until="load")
    _settle(page)
    page.evaluate("document.querySelectorAll('main details').forEach(each => each.open = true)")  # what they hide too
    place = "document.getElementById('main-content').getBoundingClientRect().top"
    before = page.evaluate(place)
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.className")
    assert "govuk-skip-link" in first, f"{page.url}: the first Tab goes to {first!r}, not to the skip link"
    assert page.evaluate(place) == before, f"{page.url}: the skip link moves the page"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main-content", f"{page.url}: the skip link leads elsewhere"
    seen: set[str] = set()
    stops = page.evaluate(f"document.querySelectorAll({FOCUSABLE!r}).length")
    for _step in range(stops + 5):
        page.keyboard.press("Tab")
        seen.add(page.evaluate(WHERE))
    unreached = page.evaluate(UNREACHED, sorted(seen))
    assert not unreached, f"{page.url}: the keyboard does not reach {unreached}"


def unmarked_texts(page: Page) -> list[str]:
    """On a page in the pseudo-language (/xx/): the texts that went through no translation. `translate="no"` marks
    names, codes and data, which have none. An empty list is what a test wants."""
    found: list[str] = page.evaluate(UNMARKED)
    return found


FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
WHERE = """() => {
  const path = [];
  for (let e = document.activeElement; e && e !== document.documentElement; e = e.parentElement)
    path.unshift([...e.parentElement.children].indexOf(e));
  return path.join('/');
}"""
UNREACHED = """seen => [...document.querySelectorAll(
    'main a[href], main button, main select, main textarea, main input, main summary')]
  .filter(e => e.type !== 'hidden' && !e.disabled && e.getClientRects().length && e.type !== 'radio')
  .filter(e => { const path = [];
    for (let n = e; n && n !== document.documentElement; n = n.parentElement)
      path.unshift([...n.parentElement.children].indexOf(n));
    return !seen.includes(path.join('/')); })
  .map(e => e.outerHTML.slice(0, 100))"""
UNMARKED = """() => {
  const found = new Set();
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  let inside = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (parent.closest('script, style, textarea, [translate=no], time')) continue;
    let text = node.data;
    let plain = '';
    for (const c of text) { if (c === '⟦') inside++; else if (c === '⟧') inside--; else if (!inside) plain += c; }
    if (/\\p{L}{2,}/u.test(plain)) found.add(plain.trim());
  }
  for (const e of document.querySelectorAll('[alt], [aria-label], [title], [placeholder]')) {
    if (e.closest('[translate=no]')) continue;
    for (const name of ['alt', 'aria-label', 'title', 'placeholder']) {
      const value = (e.getAttribute(name) || '').replace(/⟦[^⟧]*⟧/g, '');
      if (/\\p{L}{2,}/u.test(value)) found.add(name + ': ' + value);
    }
  }
  found.delete('– Rujukan');
  return [...found];
}"""


def _settle(page: Page) -> None:
    """Waits until the page's own script has run, where scripts run at all."""
    browser: Browser = page.rujukan  # type: ignore[attr-defined]
    if browser.javascript and page.locator("script[type=module]").count():
        _until(page, "document.body.classList.contains('js-enabled')")


def _until(page: Page, condition: str) -> None:
    """Waits until a JavaScript expression is true. (`wait_for_function` repeats it by eval, which our CSP forbids.)"""
    for _attempt in range(150):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{page.url}: never true: {condition}")


def _axe(page: Page) -> list[str]:
    browser: Browser = page.rujukan  # type: ignore[attr-defined]
    if not browser.javascript:
        return []
    results = Axe().run(page)
    return [
        f"axe {each['id']} ({each['impact']}): {each['help']}: {node['html'][:160]}"
        for each in results.response["violations"]
        for node in each["nodes"]
    ]


def _described_by(page: Page) -> list[str]:
    missing = page.evaluate("""() => ['aria-describedby', 'aria-labelledby', 'aria-controls'].flatMap(name =>
      [...document.querySelectorAll(`[${name}]`)].flatMap(e => e.getAttribute(name).split(/\\s+/))
        .filter(id => id && !document.getElementById(id)).map(id => `${name} names a missing id: ${id}`))""")
    lost = page.evaluate("""() => [...document.querySelectorAll('.govuk-error-message[id]')]
      .filter(e => ![...document.querySelectorAll('[aria-describedby]')]
        .some(o => o.getAttribute('aria-describedby').split(/\\s+/).includes(e.id)))
      .map(e => 'no input is described by the error ' + e.id)""")
    return [*missing, *lost]


def _radio_groups(page: Page) -> list[str]:
    found: list[str] = page.evaluate("""() => [...document.querySelectorAll('input[type=radio]')]
      .filter(e => !e.closest('fieldset')?.querySelector('legend')?.textContent.trim())
      .map(e => 'a radio button without a fieldset and legend: ' + e.name)""")
    return found


def _language(page: Page, language: str | None) -> list[str]:
    found = page.evaluate("document.documentElement.lang")
    wanted = language or urlsplit(page.url).path.split("/")[1]
    if wanted == "xx":
        wanted = "en"
    return [] if found == wanted else [f"lang is {found!r}, the page is in {wanted!r}"]


def _sideways(page: Page) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide <= 0:
        return []
    widest = page.evaluate("""() => [...document.body.querySelectorAll('*')]
      .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
      .filter(e => !e.closest('.app-scroll')).slice(0, 3).map(e => e.outerHTML.slice(0, 120))""")
    return [f"at {TELEPHONE['width']} pixels the page scrolls sideways by {wide}: {widest}"]


def _small_targets(page: Page) -> list[str]:
    """Targets under 44 pixels. A link in a sentence may be small (WCAG 2.5.8); a label is part of its input."""
    found: list[str] = page.evaluate(
        """target => [...document.querySelectorAll(
             'a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]')].filter(e => {
          const style = getComputedStyle(e);
          if (e.disabled || style.visibility === 'hidden' || !e.getClientRects().length) return false;
          if (e.closest('.govuk-skip-link')) return false;
          const alone = e.parentElement.textContent.trim() === e.textContent.trim();
          if (e.matches('a') && style.display === 'inline' && !alone) return false;
          const boxes = [e, ...(e.labels || [])].map(each => each.getBoundingClientRect());
          const after = getComputedStyle(e, '::after');
          if (after.position === 'absolute' && after.inset === '0px')
            boxes.push(e.offsetParent.getBoundingClientRect());
          const width = Math.max(...boxes.map(b => b.right)) - Math.min(...boxes.map(b => b.left));
          const height = Math.max(...boxes.map(b => b.bottom)) - Math.min(...boxes.map(b => b.top));
          return width < target - 0.5 || height < target - 0.5;
        }).map(e => { const b = e.getBoundingClientRect();
          return `a target of ${Math.round(b.width)} x ${Math.round(b.height)}: ` + e.outerHTML.slice(0, 140); })""",
        TARGET,
    )
    return found
