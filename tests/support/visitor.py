"""A person with a browser, but for its scripts: takes addresses and passwords, keeps cookies, gives what pages answered."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any

from fleet.drivers import trust
from fleet.sandbox import layout


@dataclass(frozen=True)
class Page:
    """An answer, and where the redirects ended."""

    status: int
    url: str
    text: str
    location: str


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Visitor:
    """One browser window."""

    base: str  # the Airflow's URL, without a slash at its end
    # As browsers do on the loopback: cookies for https go over http.
    jar: CookieJar = field(default_factory=lambda: CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https"))))

    def get(
        self, url: str, form: dict[str, str] | None = None, follow: bool = True, headers: dict[str, str] | None = None
    ) -> Page:
        """Open a page; a path is one of Airflow's. With ``form`` it is sent."""
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trust.context(layout.current().front_ca.read_text())),
            urllib.request.HTTPCookieProcessor(self.jar),
            urllib.request.ProxyHandler({}),
            *([] if follow else [_Stay()]),
        )
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(
            self.base + url if url.startswith("/") else url, data, {"Accept": "text/html", **(headers or {})}
        )
        try:
            with opener.open(request, timeout=60) as answer:
                return Page(answer.status, answer.url, answer.read().decode(errors="replace"), "")
        except urllib.error.HTTPError as error:
            return Page(error.code, error.url, error.read().decode(errors="replace"), error.headers.get("Location", ""))

    def sign_in(self, username: str, password: str, wanted: str = "/") -> Page:
        """Ask for a page as a stranger, go to Keycloak, come back: where that ends."""
        self.get(wanted)
        page = self.get(f"/auth/login/keycloak?{urllib.parse.urlencode({'next': wanted})}")
        if "/protocol/openid-connect/" not in page.url:
            return page  # Keycloak knows this browser already
        return self.fill(page, username, password)

    def fill(self, page: Page, username: str, password: str) -> Page:
        """Send Keycloak's form."""
        form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert form, f"no form to sign in with: {page.url}"
        return self.get(html.unescape(form.group(1)), {"username": username, "password": password})

    def cookies(self) -> dict[str, Cookie]:
        return {cookie.name: cookie for cookie in self.jar}

    def with_cookies(self, *names: str) -> Visitor:
        """Another browser into which these cookies of this one were copied."""
        copy = Visitor(self.base)
        for name in names:
            copy.jar.set_cookie(self.cookies()[name])
        return copy

    def me(self) -> Page:
        """What Airflow's API says to whoever asks for their own account."""
        return self.get("/ui/auth/me", headers={"Accept": "application/json"})
