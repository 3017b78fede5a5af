"""The pods' network: takes nothing, gives the bridge and its three packet rules, and takes exactly those away again."""

from __future__ import annotations

from pathlib import Path

from fleet.sandbox import hosts
from fleet.sandbox.layout import BRIDGE, BRIDGE_ADDRESS, POD_NETWORK, Layout
from fleet.sandbox.shell import attempt, run

FIRST_POD_ADDRESS = "10.244.0.10"
# A bridge without a hardware address of its own takes that of its lowest port, and pods' neighbour tables go stale.
_HARDWARE_ADDRESS = "0a:58:0a:f4:00:01"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_COMMENT = ("-m", "comment", "--comment", "fleet-sandbox")
_KUBELET_CHAINS = ("-N KUBE-KUBELET-CANARY", "-N KUBE-FIREWALL", "-N KUBE-IPTABLES-HINT", "-N KUBE-PROXY-CANARY")
_RULES = (
    ("nat", "POSTROUTING", ("-s", POD_NETWORK, "!", "-d", POD_NETWORK, *_COMMENT, "-j", "MASQUERADE")),
    ("filter", "FORWARD", ("-i", BRIDGE, *_COMMENT, "-j", "ACCEPT")),
    ("filter", "FORWARD", ("-o", BRIDGE, *_COMMENT, "-j", "ACCEPT")),
)


def up(layout: Layout) -> str:
    """Make what is missing of bridge, address, forwarding and rules; says whether anything was."""
    made = [_bridge(), _forwarding(layout), *(_rule(*rule) for rule in _RULES)]
    hosts.up()
    return "made" if any(made) else "already there"


def down(layout: Layout) -> None:
    """Remove the rules, the bridge with whatever hangs on it, and set names and forwarding back."""
    hosts.down()
    for table, chain, rule in _RULES:
        while attempt("iptables", "-w", "-t", table, "-D", chain, *rule).returncode == 0:
            pass
    for port in _ports():
        attempt("ip", "link", "delete", port)
    attempt("ip", "link", "delete", BRIDGE)
    before = _remembered(layout)
    if before.is_file():
        _FORWARDING.write_text(before.read_text())
        before.unlink()


def remove_kubelet_chains() -> None:
    """Remove the chains that the kubelet makes and no ``--cleanup`` knows, with every jump to them."""
    for program in ("iptables", "ip6tables"):
        for table in ("nat", "filter", "mangle"):
            rules = attempt(program, "-w", "-t", table, "-S").stdout.splitlines()
            chains = [rule.split()[1] for rule in rules if rule.startswith(_KUBELET_CHAINS)]
            for rule in (rule.split() for rule in rules):
                if rule[0] == "-A" and rule[-1] in chains and rule[1] not in chains:
                    attempt(program, "-w", "-t", table, "-D", *rule[1:])
            for action in ("-F", "-X"):
                for chain in chains:
                    attempt(program, "-w", "-t", table, action, chain)


def _ports() -> list[str]:
    folder = Path("/sys/class/net") / BRIDGE / "brif"
    return sorted(port.name for port in folder.iterdir()) if folder.is_dir() else []


def _bridge() -> bool:
    missing = not (Path("/sys/class/net") / BRIDGE).exists()
    if missing:
        run("ip", "link", "add", BRIDGE, "address", _HARDWARE_ADDRESS, "type", "bridge")
    run("ip", "address", "replace", f"{BRIDGE_ADDRESS}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    return missing


def _forwarding(layout: Layout) -> bool:
    before = _FORWARDING.read_text().strip()
    if before == "1":
        return False
    _remembered(layout).write_text(before)
    _FORWARDING.write_text("1")
    return True


def _rule(table: str, chain: str, rule: tuple[str, ...]) -> bool:
    if attempt("iptables", "-w", "-t", table, "-C", chain, *rule).returncode == 0:
        return False
    run("iptables", "-w", "-t", table, "-I", chain, *rule)
    return True


def _remembered(layout: Layout) -> Path:
    return layout.root / "ip_forward.before"
