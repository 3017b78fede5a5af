"""What the instances share: takes the platform and its drivers, gives findings on credentials, PostgreSQL and Keycloak, never
shows a credential."""

from __future__ import annotations

import asyncio

from fleet.desired import naming
from fleet.doctor import front
from fleet.doctor.cluster import system_namespace
from fleet.doctor.finding import Finding, guarded
from fleet.drivers import postgres
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.model import Platform


async def examine(platform: Platform, world: World) -> list[Finding]:
    """The system namespace and its Secret; with the credentials in it the two servers."""
    namespace = await guarded("platform", "namespace", lambda: system_namespace(world.cluster))
    try:
        user, password = await world.sso_admin()
    except FleetError as error:
        secret, where = naming.PLATFORM_SECRET, naming.SYSTEM_NAMESPACE
        mend = f"kubectl create secret generic {secret} --namespace {where} --from-env-file=FILE"
        return [*namespace, Finding("platform", "credentials", "fail", error.what, mend)]
    there = Finding("platform", "credentials", "ok", f"the Secret {naming.PLATFORM_SECRET} has all keys")
    servers = await asyncio.gather(
        guarded("platform", "postgresql", lambda: _database(world)),
        guarded("platform", "keycloak", lambda: _sign_on(platform, world, user, password)),
        guarded("platform", "front", lambda: front.examine(platform, world.cluster)),
        guarded("platform", "portal", lambda: front.portal(platform, world.cluster)),
    )
    return [*namespace, there, *(finding for findings in servers for finding in findings)]


async def _database(world: World) -> list[Finding]:
    admin = await world.database_admin()
    found = await postgres.capacity(admin)
    promised, where = sum(found.limits.values()), f"{admin.server.host}:{admin.server.port}"
    findings = [Finding("platform", "postgresql", "ok", f"{where}, its administrator signs in")]
    what = f"{promised} of {found.usable} promised to {len(found.limits)} roles ({found.most} less {found.reserved} reserved)"
    if promised > found.usable:
        return [
            *findings,
            Finding("platform", "connections", "warn", what, "raise `max_connections`, or choose smaller sizes"),
        ]
    return [*findings, Finding("platform", "connections", "ok", what)]


async def _sign_on(platform: Platform, world: World, user: str, password: str) -> list[Finding]:
    server = await world.keycloak()
    await server.sign_in(user, password)
    findings = [Finding("platform", "keycloak", "ok", f"{platform.sso.url}, its administrator signs in")]
    if await server.has_realm(platform.sso.realm):
        return [*findings, Finding("platform", "realm", "ok", platform.sso.realm)]
    return [*findings, Finding("platform", "realm", "warn", f"there is no `{platform.sso.realm}` yet", "fleet apply")]
