"""Drift of layer sso: takes a scene, gives findings about Keycloak, never changes anything."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.diff import PLATFORM
from fleet.drift.finding import Looked
from fleet.drift.scene import Scene
from fleet.drift.sso import clients, events, kinds, realm, roles, secrets, tokens
from fleet.drift.sso.drafts import Draft, draft
from fleet.drift.sso.kinds import KINDS
from fleet.drift.sso.seen import Seen, see
from fleet.drift.sso.wanted import Wanted, team, wanted
from fleet.record import Applied

__all__ = ["KINDS", "everything", "look"]


async def look(scene: Scene) -> Looked:
    """Read the realm, and hold it against what was applied.

    Raises:
        FleetError: Keycloak is away, or refuses.
    """
    declared = wanted(scene)
    if declared is None or (not declared.looked_at and not scene.platform):
        return Looked()
    asked = await scene.world.realm()
    seen = await see(asked, declared)
    if seen is None:
        gone = draft(
            kinds.REALM_GONE,
            PLATFORM,
            f"realm {declared.realm}",
            expected=declared.realm,
            twins=("keycloak_realm.this|*",),
        )
        return Looked.of([gone.finding])
    drafts = [*_of_clients(declared, seen), *await realm.composites(asked, declared, seen)]
    drafts += await secrets.compare(scene.world.cluster, declared, seen)
    if scene.platform:
        drafts += [*_of_platform(declared, seen), *await realm.doors(asked, declared, seen)]
    return Looked.of(await events.signed(drafts, asked, seen.realm))


def _of_clients(declared: Wanted, seen: Seen) -> Iterator[Draft]:
    for client_id in sorted(declared.looked_at):
        each = declared.clients[client_id]
        if client_id not in seen.clients:
            yield from roles.gone(each)
            continue
        yield from clients.client(each, seen)
        yield from tokens.tokens(each, seen)
        yield from roles.of_client(each, declared, seen) if each.roles else roles.lets_through(each, seen)
    yield from roles.team_groups(declared, seen)


def _of_platform(declared: Wanted, seen: Seen) -> Iterator[Draft]:
    yield from realm.settings(declared, seen)
    yield from tokens.roles_scope(seen)
    yield from tokens.shared_mappers(seen)
    yield from roles.plain_groups(declared, seen)
    yield from roles.strangers_in_scope(declared, seen)


def everything(name: str, applied: Applied) -> tuple[str, ...]:
    """Whatever Terraform could tell of an instance's sign-on, as twins of a finding that says more."""
    client = team(name, applied)
    return (*roles.in_client(client), *roles.in_groups(client))
