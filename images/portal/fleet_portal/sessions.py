"""Who is signed in: takes persons, gives tickets for cookies and persons for tickets, never writes one down.

In memory: a ticket that was signed out is worth nothing, and no copy of a cookie changes that. A restart forgets all of
them; Keycloak then answers for people without asking them again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fleet_portal.signon import Person

# Roles are read at sign-in, so this bounds how long one that was taken away is still shown. Afterwards Keycloak is asked anew,
# which a person whose session there lives does not notice.
LIFE_SECONDS = 600.0
# Some kilobytes each, ID token included.
MOST = 20_000


@dataclass(frozen=True)
class Session:
    """One person in one browser."""

    person: Person
    ends: float


@dataclass
class Sessions:
    """All of them, the oldest first."""

    clock: Callable[[], float] = time.monotonic
    _by_ticket: dict[str, Session] = field(default_factory=dict)

    def open(self, person: Person) -> str:
        """A ticket for this person."""
        self._forget()
        ticket = secrets.token_urlsafe(32)
        self._by_ticket[ticket] = Session(person, self.clock() + LIFE_SECONDS)
        return ticket

    def find(self, ticket: str) -> Person | None:
        """Whose ticket it is; None where it is nobody's any more."""
        session = self._by_ticket.get(ticket)
        return session.person if session and session.ends > self.clock() else None

    def close(self, ticket: str) -> Person | None:
        """Sign out; gives who it was."""
        person = self.find(ticket)
        self._by_ticket.pop(ticket, None)
        return person

    def _forget(self) -> None:
        """Away with what has ended; and with the oldest, where there are too many."""
        now = self.clock()
        while self._by_ticket:
            oldest = next(iter(self._by_ticket))
            if self._by_ticket[oldest].ends > now and len(self._by_ticket) < MOST:
                return
            del self._by_ticket[oldest]
