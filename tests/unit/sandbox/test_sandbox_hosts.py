"""/etc/hosts: the block comes once, goes without a trace, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.sandbox import hosts


@pytest.mark.parametrize("before", ["127.0.0.1 localhost\n", "127.0.0.1 localhost", "", "# fleet-sandbox: beginner\n"])
def test_the_block_comes_and_goes(tmp_path: Path, before: str) -> None:
    file = tmp_path / "hosts"
    file.write_text(before)
    hosts.up(file)
    once = file.read_text()
    hosts.up(file)
    assert file.read_text() == once
    assert once.startswith(before) and "\n127.0.0.1 fleet.localhost sso.fleet.localhost\n" in once
    hosts.down(file)
    assert file.read_text().rstrip("\n") == before.rstrip("\n")


def test_an_older_block_is_replaced_where_others_wrote_below_it(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("1.2.3.4 a\n# fleet-sandbox: begin\n127.0.0.1 old\n# fleet-sandbox: end\n5.6.7.8 b\n")
    hosts.up(file)
    text = file.read_text()
    assert "old" not in text and text.startswith("1.2.3.4 a\n5.6.7.8 b\n") and text.count("begin") == 1
