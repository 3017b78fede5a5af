"""Who did it, and when: takes drafts of findings and a realm, gives findings; Keycloak tells where admin events are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fleet.drift.finding import Finding
from fleet.drift.sso.drafts import Draft, known
from fleet.drivers.keycloak import Realm

_NEWEST = 500  # events that are read


async def signed(drafts: Sequence[Draft], realm: Realm, itself: Mapping[str, Any]) -> list[Finding]:
    """The findings, each with the newest event at its place. One request, and one per administrator of the realm's own.

    An identity that may not see events sees none.
    """
    if not any(each.place for each in drafts) or not itself.get("adminEventsEnabled"):
        return [each.finding for each in drafts]
    events = await realm.allowed("/admin-events", max=_NEWEST) or ()
    # What was sent, an event holds too, secrets with it: nothing but these is kept.
    places = [(each.get("resourcePath") or "", each["time"], each.get("authDetails") or {}) for each in events]
    names: dict[str, str] = {}
    found = []
    for each in drafts:
        event = next((one for one in places if each.place and _at(one[0], each.place)), None)
        if event is None:
            found.append(each.finding)
        else:
            who = await _name(realm, itself, event[2], names)
            found.append(known(each, who, datetime.fromtimestamp(event[1] / 1000, UTC).isoformat(timespec="seconds")))
    return found


def _at(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


async def _name(realm: Realm, itself: Mapping[str, Any], details: Mapping[str, Any], names: dict[str, str]) -> str:
    """Name of one of the realm's own; of an administrator from elsewhere there is only the id."""
    user = str(details.get("userId", ""))
    if user and user not in names:
        own = details.get("realmId") in (itself["id"], itself["realm"])
        person = await realm.allowed(f"/users/{user}") if own else None
        names[user] = person["username"] if person else f"administrator {user}"
    return names.get(user, "")
