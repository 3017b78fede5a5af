"""What all probes share: an outcome, a request, a token. Standard library only: this runs in the team's own image.

An outcome is a verdict and words: `refused` by whom and how, `hole` and what lay open, `unknown` and why nothing was learnt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Outcome = tuple[str, str]
Context = Mapping[str, Any]
Probe = Callable[[Context], Outcome]
ProbeOther = Callable[[Context, Mapping[str, Any]], Outcome]

SECONDS = 5.0  # to connect; a wall of the network answers nothing at all
_ANSWER_SECONDS = 30.0  # a busy Airflow takes its time
_unreachable: dict[tuple[str, int], OSError] = {}
_MOST = 65536  # bytes of an answer that are read
_SHOWN = 160  # characters of an answer that go into the report


def refused(how: str) -> Outcome:
    return "refused", how


def hole(how: str) -> Outcome:
    return "hole", how


def unknown(how: str) -> Outcome:
    return "unknown", how


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]  # names in lower case; of repeated ones the last
    text: str

    @property
    def location(self) -> str:
        """Where a redirect leads."""
        return self.headers.get("location", "")

    @property
    def short(self) -> str:
        """The status, and what Airflow or Kubernetes say beside it."""
        try:
            said = json.loads(self.text)
            words = str(said.get("message") or said.get("detail") or "")
        except (ValueError, AttributeError):
            words = ""
        return f"HTTP {self.status}{': ' if words else ''}{words[:_SHOWN]}"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        return None


def ask(
    url: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: object = None,
    authority: str | None = None,
) -> Answer:
    """One request; redirects are not followed.

    Args:
        authority: file with the certificate authority to trust; None: any server (nothing secret may then be sent).

    Raises:
        OSError: nobody answered.
    """
    context = ssl.create_default_context(cafile=authority)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _Stay()
    )
    _connect(url)
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)  # noqa: S310
    try:
        with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
            return _answer(answer.status, answer)
    except urllib.error.HTTPError as error:
        return _answer(error.code, error)


def _connect(url: str) -> None:
    """Raises the OSError of a server that cannot be reached, of which it is asked once."""
    parts = urlsplit(url)
    end = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if end in _unreachable:
        raise _unreachable[end]
    try:
        socket.create_connection(end, SECONDS).close()
    except OSError as error:
        _unreachable[end] = error
        raise


def _answer(status: int, said: Any) -> Answer:
    headers = {name.lower(): value for name, value in said.headers.items()}
    return Answer(status, headers, said.read(_MOST).decode(errors="replace"))


def address(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def by_status(answer: Answer) -> Outcome:
    """401 and 403 refuse; a server that is out of order says nothing; anything else got past the door."""
    if answer.status in (401, 403):
        return refused(answer.short)
    if answer.status == 429 or answer.status >= 500:
        return unknown(answer.short)
    return hole(answer.short)


def unreachable(context: Context, error: OSError) -> Outcome:
    """Nobody answered: the network's refusal where it enforces policies, else no answer to the question."""
    reason = getattr(error, "reason", None) or error
    words = f"no connection ({type(reason).__name__})"
    return refused(f"{words}: the network lets nothing through") if context["enforced"] else unknown(words)


def token(key: str, claims: Mapping[str, Any], algorithm: str = "HS512") -> str:
    """A JWT of a minute's life, as Airflow signs its own; of the algorithm `none` without a signature."""
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 60, "jti": uuid.uuid4().hex}
    head = _part({"alg": algorithm, "typ": "JWT", "kid": "not-used"})
    signed = f"{head}.{_part({**claims, **times})}"
    if algorithm == "none":
        return f"{signed}."
    return f"{signed}.{_text(hmac.new(key.encode(), signed.encode(), hashlib.sha512).digest())}"


def _part(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
