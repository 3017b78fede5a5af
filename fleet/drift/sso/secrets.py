"""Clients' secrets: takes digests and the cluster's keys, gives drafts of findings, never a secret.

Who may not read the keys (the scheduled job may not) finds nothing here, and says nothing: signing in is then tried by others.
"""

from __future__ import annotations

from collections.abc import Mapping

from fleet.desired import naming
from fleet.diff import PLATFORM
from fleet.drift.mend import GiveSecret
from fleet.drift.sso import kinds
from fleet.drift.sso.drafts import Draft, draft
from fleet.drift.sso.seen import Seen, digest
from fleet.drift.sso.wanted import Wanted
from fleet.drivers.kubernetes import ApiError, Cluster, core
from fleet.drivers.world import decode


async def compare(cluster: Cluster, wanted: Wanted, seen: Seen) -> list[Draft]:
    """Clients whose secret is not the one that their Airflow, or the portal, has. One LIST.

    Raises:
        FleetError: the cluster does not answer.
    """
    try:
        listed = await cluster.list(core("secrets", naming.SYSTEM_NAMESPACE), labels=naming.INSTANCE_LABEL)
    except ApiError as error:
        if error.status != 403:
            raise
        return []
    kept = {each["metadata"]["name"]: _digests(decode(each)) for each in listed}
    found = []
    for client_id in sorted(wanted.looked_at & seen.secrets.keys()):
        client = wanted.clients[client_id]
        portal = client.team == PLATFORM
        name = naming.PORTAL if portal else naming.keys_secret(client.team)
        key, path = "client-secret" if portal else "sso-client-secret", f"clients/{seen.uuid(client_id)}"
        expected = kept.get(name, {}).get(key)
        if expected and expected != seen.secrets[client_id]:
            found.append(
                draft(
                    kinds.PORTAL_SECRET if portal else kinds.CLIENT_SECRET, client.team, client.address, "secret",
                    expected=f"as in the Secret {name}", found="another", mend=GiveSecret(f"/{path}", name, key), place=path,
                )
            )  # fmt: skip
    return found


def _digests(data: Mapping[str, str]) -> dict[str, str]:
    return {key: digest(value) for key, value in data.items() if key.endswith("client-secret")}
