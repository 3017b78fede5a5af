"""Who is told of drift over HTTP: takes what came and what went, gives a message, posts it to an address that is a secret."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fleet.drivers import trust
from fleet.errors import FleetError

Rows = Sequence[Mapping[str, Any]]

_SECONDS = 10.0
_MANY = 15  # lines of a text
_SIGNS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}


@dataclass(frozen=True)
class News:
    """What is not as it was at the look before; rows as `report.row` gives them, errors as `report.data` does."""

    new: Rows = ()
    gone: Rows = ()
    errors: Rows = ()  # things that cannot be looked at any more
    seen: Rows = ()  # things that can be looked at again

    def __bool__(self) -> bool:
        return any((self.new, self.gone, self.errors, self.seen))


def message(news: News, report: Mapping[str, Any], form: Literal["slack", "generic"]) -> dict[str, Any]:
    """What is posted.

    Args:
        report: all that stands, of which only numbers are told.
    """
    if form == "slack":
        return {"text": _text(news, report)}
    return {
        "at": report["at"],
        "standing": len(report["findings"]),
        "new": list(news.new),
        "gone": list(news.gone),
        "errors": list(news.errors),
        "seen_again": list(news.seen),
    }


def _text(news: News, report: Mapping[str, Any]) -> str:
    lines = [f"{_SIGNS[row['severity']]} {row['team']}: {_what(row)}" for row in news.new]
    lines += [f"✅ {row['team']}: {_what(row)} is as it should be" for row in news.gone]
    lines += [f"⚠️ could not look at {row['layer']}: {row['what']}" for row in news.errors]
    lines += [f"👀 {row['layer']} can be looked at again" for row in news.seen]
    head = f"Drift: {len(news.new)} new, {len(news.gone)} gone, {len(report['findings'])} in all"
    more = [f"and {len(lines) - _MANY} more"] if len(lines) > _MANY else []
    return _escaped("\n".join([head, *lines[:_MANY], *more]))


def _what(row: Mapping[str, Any]) -> str:
    thing = " · ".join(filter(None, (row["address"], row["field"])))
    return f"{thing}: {row['expected'] or 'not there'} → {row['found'] or 'gone'}"


def _escaped(text: str) -> str:
    """https://api.slack.com/reference/surfaces/formatting#escaping: a name in the world mentions nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def url(folder: str) -> str:
    """The address, from the folder of credentials.

    Raises:
        FleetError: it is not there.
    """
    try:
        return (Path(folder) / "webhook-url").read_text(encoding="utf-8").strip()
    except OSError as error:
        raise FleetError(
            "the webhook's address is not among the credentials", hint="`platform.drift.webhook` names its Secret"
        ) from error


async def post(address: str, body: Mapping[str, Any], authority: str | None) -> None:
    """Send it, once.

    Raises:
        FleetError: nobody answers there, or it is refused; the address is in no message.
    """

    def once() -> None:
        data, headers = json.dumps(body, ensure_ascii=False).encode(), {"Content-Type": "application/json"}
        try:
            request = urllib.request.Request(address, data, headers)  # noqa: S310 (checked below)
            if request.type not in ("http", "https"):
                raise ValueError
            with urllib.request.urlopen(request, timeout=_SECONDS, context=trust.context(authority)):  # noqa: S310
                pass
        except urllib.error.HTTPError as error:
            raise FleetError(f"the webhook refuses (HTTP status {error.code})") from None
        except OSError as error:
            raise FleetError(
                f"the webhook does not answer ({type(getattr(error, 'reason', error)).__name__})"
            ) from None
        except ValueError:
            raise FleetError("the webhook's address is no URL") from None

    await asyncio.to_thread(once)
