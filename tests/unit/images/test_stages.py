"""A stage's key stands for everything that goes into it, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.errors import FleetError
from fleet.sandbox.images import dockerfile, stages
from fleet.sandbox.images.model import Config
from fleet.sandbox.images.stages import Copy, Plan, Run

TEXT = """\
FROM parent AS base
RUN prepare
FROM base AS build
ARG VERSION=1
COPY wanted-$VERSION /in/
RUN make
FROM base AS final
ENV PATH=/bin HOME=/home
COPY --from=build /out /out
COPY --chmod=0755 entry /entry
LABEL version="$PATH"
EXPOSE 80
WORKDIR /work
ENTRYPOINT ["/entry"]
CMD ["now"]
USER 5
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in ("wanted-1", "wanted-2", "entry", "unused"):
        (tmp_path / name).write_text(name)
    return tmp_path


def plan(context: Path, text: str = TEXT, parent: str = "p", **arguments: str) -> dict[str, Plan]:
    parsed = dockerfile.parse(text, arguments, "Dockerfile")
    return stages.plan(parsed, context, arguments, lambda _: (parent, Config(env={"LANG": "C"})))


def test_steps_and_configuration(context: Path) -> None:
    final = plan(context)["final"]
    assert final.config == Config(
        env={"LANG": "C", "PATH": "/bin", "HOME": "/home"},
        labels={"version": "/bin"},
        ports=("80/tcp",),
        entrypoint=("/entry",),
        cmd=("now",),
        user="5",
        workdir="/work",
    )
    assert final.steps == (Copy(("/out",), "/out", "build"), Copy(("entry",), "/entry", mode="0755"))


def test_a_script_sees_the_stages_arguments(context: Path) -> None:
    build = plan(context, VERSION="2")["build"]
    assert build.steps == (Copy(("wanted-2",), "/in/"), Run("make", (("VERSION", "2"), ("LANG", "C"))))


def test_the_same_inputs_give_the_same_keys(context: Path) -> None:
    assert plan(context) == plan(context)


def test_what_a_stage_does_not_use_does_not_change_its_key(context: Path) -> None:
    before = plan(context)
    (context / "unused").write_text("other")
    (context / "wanted-2").write_text("other")
    assert plan(context) == before


@pytest.mark.parametrize("changed", ["wanted-1", "entry"])
def test_a_changed_file_changes_the_stages_it_goes_into(context: Path, changed: str) -> None:
    before = plan(context)
    (context / changed).write_text("other")
    after = plan(context)
    assert after["base"] == before["base"]
    assert after["final"].key != before["final"].key  # through COPY --from=build, too
    assert (after["build"].key == before["build"].key) == (changed == "entry")


def test_a_files_executable_bit_counts(context: Path) -> None:
    before = plan(context)
    (context / "entry").chmod(0o755)
    assert plan(context)["final"].key != before["final"].key


def test_parent_and_arguments_count(context: Path) -> None:
    keys = {plan(context)["final"].key, plan(context, parent="q")["final"].key, plan(context, VERSION="2")["final"].key}
    assert len(keys) == 3


def test_settings_alone_change_no_layer(context: Path) -> None:
    before, after = plan(context)["final"], plan(context, TEXT.replace("USER 5", "USER 6"))["final"]
    assert (after.config.user, after.key) == ("6", before.key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM parent\nCOPY nothing /\n", "COPY of nothing, which is not there"),
        ("FROM parent\nUSER 5\nRUN true\n", "RUN as another user"),
    ],
)
def test_what_cannot_be_built_is_refused(context: Path, text: str, message: str) -> None:
    with pytest.raises(FleetError, match=message):
        plan(context, text)
