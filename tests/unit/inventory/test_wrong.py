"""Wrong inventories: each with the line, the cause and the hint that the reader gets.

`«` marks the line that the error must name; it is taken out before the text is read.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.errors import ExitCode, FleetErrors
from fleet.inventory import load
from fleet.inventory.problems import MAX_SHOWN
from fleet.inventory.source import MAX_BYTES
from tests.unit.inventory.texts import HEAD, errors_of, line_of, load_text

LONG = "a" * 43


def team(*lines: str) -> str:
    """A valid head and one team with these keys."""
    return HEAD + "teams:\n  a:\n    owner: x\n" + "".join(f"    {line}\n" for line in lines)


def google(database: str, team: str) -> str:
    """An inventory on Google Cloud with one team; a mark at the team's end belongs behind its colon."""
    gcp = (
        "  cloud: gcp\n  gcp: {project: example-fleet, region: europe-west3, network: fleet, log_bucket: example-logs,\n"
        "    database: {name: fleet-postgres, tier: db-g1-small}}\n"
    )
    name, mark, _ = team.partition("«")
    return HEAD.replace("{host: 10.0.0.3}", database) + gcp + f"teams:\n  {name}:{mark} {{owner: a@example.com}}\n"


def platform(old: str, new: str) -> str:
    """The valid head with something else in one place, and no teams."""
    assert old in HEAD
    return HEAD.replace(old, new)


SYNTAX = {
    "empty file": ("«", "is empty", "begin with `version: 1`"),
    "only comments": ("«# nothing here\n", "is empty", "begin with `version: 1`"),
    "a list": ("«- version: 1\n", "a mapping of keys", "begin with `version: 1`"),
    "one word": ("«hello\n", "a mapping of keys", "begin with `version: 1`"),
    "two documents": (HEAD + "«---\nversion: 1\n", "a second document begins", "remove the `---`"),
    "tab as indentation": (HEAD + "teams:\n«\ta: {owner: x}\n", "a tab where YAML wants spaces", "indent with spaces"),
    "tab in a block text": (
        team("values:", "  x: |", "    text") + "«\t\tmore\n",
        "a tab where YAML wants spaces",
        "indent with spaces",
    ),
    "anchor": (team("labels: &l {b: c}«"), "the anchor `&l`", "write it out, or use `defaults`"),
    "alias": (team("labels: *l«"), "the alias `*l`", "write it out, or use `defaults`"),
    "billion laughs": (
        team("values:", "  a: &a [x, x, x, x]«", "  b: &b [*a, *a, *a, *a]", "  c: &c [*b, *b, *b, *b]"),
        "the anchor `&a`",
        "write it out",
    ),
    "tag": (team("size: !!str small«"), "the tag `tag:yaml.org,2002:str`", "quotes make a text"),
    "python object": (team("size: !!python/object/apply:os.system [x]«"), "the tag `tag:yaml.org", "no tags"),
    "open quote": (team("size: 'small«", "airflow: 3.3.2"), "a quote is not closed", "close it"),
    "open bracket": (team("access: {groups: {admin: [a}«", "size: small"), "a bracket is not closed", "close it"),
    "open brace at the end": (team("access: {groups: {admin: [a]}«"), "a bracket is not closed", "close it"),
    "wrong indentation": (
        team("size: small") + "«   airflow: 3.3.2\n",
        "the indentation fits no line above",
        "neighbours",
    ),
    "two colons": (team("owner2: a: b«"), "a `: ` where no key can be", "put the value in quotes"),
    "no colon": (team("size small", "«airflow: 3.3.2"), "neither a key nor a value", "write `key: value`"),
    "key in a list": (HEAD + "waves:\n  - name: a\n«  b: c\n", "a key in the middle of a list", "mend the indentation"),
    "begins with @": (team("owner2: @marketing«"), "a value cannot begin with `@`", "put it in quotes"),
    "begins with %": (team("owner2: %x«"), "a value cannot begin with `%`", "put it in quotes"),
    "unknown escape": (team('image: "c:\\path"«'), "an unknown escape", "single quotes"),
    "too deep": (team("values:", "  x: " + "[" * 70 + "«"), "more than 64 levels", "is it really an inventory?"),
    "bell character": (team("size: sm\x07all«"), "a character U+0007", "write it as an escape"),
    "line separator": (team("size: small\u2028«"), "a character U+2028", "write it as an escape"),
    "old Mac line end": (HEAD + "«teams: {}\rwaves: []\n", "a character U+000D", "remove it"),
}

FORM = {
    "no version": ("«" + HEAD.removeprefix("version: 1\n"), "version: is missing", "add `version:`"),
    "version of the future": (HEAD.replace("version: 1", "version: 2«"), "version: `2` is not possible", "write `1`"),
    "version as text": (HEAD.replace("version: 1", 'version: "1"«'), "version: `1` is not possible", "write `1`"),
    "no platform": ("«version: 1\n", "platform: is missing", "add `platform:`"),
    "no domain": (
        platform("  domain: airflow.example.com\n", "").replace("platform:", "platform:«"),
        "platform.domain: is missing",
        "add `domain:`",
    ),
    "misspelt key": (team("siez: small«"), "teams.a.siez: is no known key", "did you mean `size`?"),
    "misspelt key at the top": (HEAD + "temas: {}«\n", "temas: is no known key", "did you mean `teams`?"),
    "misspelt key of the platform": (
        platform("  domain:", "  domian: x«\n  domain:"),
        "platform.domian: is no known key",
        "did you mean `domain`?",
    ),
    "misspelt key in braces": (
        platform("{context:", "{contxt: x, context:").replace("production}", "production}«"),
        "platform.kubernetes.contxt: is no known key",
        "did you mean `context`?",
    ),
    "misspelt key of git": (
        team("dags:", "  source: git", "  repository: https://x/y", "  rfe: main«"),
        "teams.a.dags.rfe: is no known key",
        "did you mean `ref`?",
    ),
    "unknown key": (team("zzz: 1«"), "teams.a.zzz: is no known key", "known here: access, adopted, airflow, "),
    "misspelt role": (
        team("access:", "  groups:", "    viewr: [x]«"),
        "teams.a.access.groups.viewr: `viewr` is not possible",
        "did you mean `viewer`?",
    ),
    "a group with a team's name": (
        team("access:", "  groups:", "    viewer: [people, a]«"),
        "`a` is the group that `a` gets for itself",
        "write `/a` for everybody in it, or one of its roles: `/a/user`",
    ),
    "a right's group with a team's name": (
        team("access:", "  dags:", "    pay: {prefix: pay_, groups: [a]«}"),
        "teams.a.access.dags.pay.groups[0]: `a` is the group that `a` gets for itself",
        "write `/a` for everybody in it",
    ),
    "a right to all or to nothing": (
        team("access:", "  dags:", "    pay: {role: user}«"),
        "teams.a.access.dags.pay: a right is to the DAGs of a `prefix` or of a `tag`",
        "see `fleet schema`",
    ),
    "a right by prefix and tag": (
        team("access:", "  dags:", "    pay: {prefix: pay_, tag: pay}«"),
        "a right is to the DAGs of a `prefix` or of a `tag`: one of the two",
        "see `fleet schema`",
    ),
    "a prefix that no DAG can have": (
        team("access:", "  dags:", "    pay: {prefix: 'pay*'}«"),
        "teams.a.access.dags.pay.prefix: `pay*` is not the beginning of a DAG's id",
        "for example `payroll_`",
    ),
    "an empty prefix": (
        team("access:", "  dags:", "    pay: {prefix: ''}«"),
        "teams.a.access.dags.pay.prefix: `` is not the beginning of a DAG's id",
        "for example `payroll_`",
    ),
    "a tag that Helm would take for a template": (
        team("access:", "  dags:", "    pay: {tag: '{{ .Values }}'}«"),
        "teams.a.access.dags.pay.tag: `{{ .Values }}` is not a DAG's tag",
        "for example `finance`",
    ),
    "a right to be an administrator of DAGs": (
        team("access:", "  dags:", "    pay: {tag: pay, role: admin}«"),
        "teams.a.access.dags.pay.role: `admin` is not possible",
        "one of viewer, user",
    ),
    "a right's name in capitals": (
        team("access:", "  dags:", "    PayRoll: {tag: pay}«"),
        "teams.a.access.dags.PayRoll: `PayRoll` is not a name",
        "did you mean `payroll`?",
    ),
    "a right's name that FAB could not keep": (
        team("access:", "  dags:", f"    {'p' * 60}: {{tag: pay}}«"),
        "is longer than 59 characters",
        "shorten it",
    ),
    "a right twice": (
        team("access:", "  dags:", "    pay: {tag: pay, users: [a]}", "    wages: {tag: pay, users: [b]}«"),
        "teams.a.access.dags.wages: is the same right as `pay`",
        "into `access.dags.pay`",
    ),
    "a right with the default written out": (
        team("access:", "  dags:", "    pay: {tag: pay}", "    wages: {tag: pay, role: viewer}«"),
        "teams.a.access.dags.wages: is the same right as `pay`",
        "into `access.dags.pay`",
    ),
    "a policy of the team's own beside rights": (
        team("access: {dags: {pay: {tag: pay}}}", "values:", "  airflowLocalSettings: 'x = 1'«"),
        "teams.a.values.airflowLocalSettings: with `access.dags`, this file is fleet's",
        "as a plugin of Airflow's",
    ),
    "rights with the Keycloak manager": (
        team("sso: {manager: keycloak}", "access:", "  dags: {pay: {tag: pay}}«"),
        "teams.a.access.dags: with the manager `keycloak` there are no rights to some of the DAGs",
        "write `sso: {manager: fab}` here, or take the rights out",
    ),
    "misspelt manager": (
        team("sso: {manager: keyclok}«"),
        "teams.a.sso.manager: `keyclok` is not possible",
        "did you mean `keycloak`?",
    ),
    "the Keycloak manager with an Airflow it was not made for": (
        team("sso: {manager: keycloak}«", "airflow: 3.2.2"),
        "the manager `keycloak` goes with Airflow 3.3 only, and this is 3.2.2",
        "write `manager: fab`, or another version",
    ),
    "the Keycloak manager by default": (
        HEAD + "defaults: {sso: {manager: keycloak}, airflow: 3.2.2}\nteams:\n  a:«\n    owner: x\n",
        "teams.a: the manager `keycloak` goes with Airflow 3.3 only",
        "write `manager: fab`",
    ),
    "a program with the Keycloak manager": (
        team("sso: {manager: keycloak}", "access: {users: {op: [kim, service-account-nightly]}}«"),
        "`service-account-nightly` is a program, and with the manager `keycloak` no program can sign in",
        "write `sso: {manager: fab}` here, or take the program out",
    ),
    "misspelt executor": (
        team("executor: KubernetesExectuor«"),
        "teams.a.executor: `KubernetesExectuor` is not possible",
        "did you mean `KubernetesExecutor`?",
    ),
    "misspelt source": (
        team("dags: {source: gti}«"),
        "teams.a.dags.source: `gti` is not possible",
        "did you mean `git`?",
    ),
    "dags without source": (
        team("dags: {ref: main}«"),
        "teams.a.dags: has no `source`",
        "`source: git` or `source: none`",
    ),
    "git without repository": (
        team("dags: {source: git}«"),
        "teams.a.dags.repository: is missing",
        "add `repository:`",
    ),
    "no owner": (HEAD + "teams:\n  a: {size: small}«\n", "teams.a.owner: is missing", "add `owner:`"),
    "empty owner": (HEAD + 'teams:\n  a: {owner: ""}«\n', "teams.a.owner: is empty", "write something"),
    "empty team": (HEAD + "teams:\n  a:«\n", "teams.a: is empty, not a mapping", "write `{}` for none"),
    "empty teams": (HEAD + "teams:«\n", "teams: is empty, not a mapping", "write `{}` for none"),
    "teams as a list": (HEAD + "teams:«\n  - a\n", "teams: is a list, not a mapping", "indent its keys below it"),
    "team as text": (HEAD + "teams:\n  a: small«\n", "teams.a: is `small`, not a mapping", "indent its keys"),
    "waves as a mapping": (HEAD + "waves: {a: b}«\n", "waves: is a mapping, not a list", "write `[]`"),
    "groups without a list": (
        team("access: {groups: {admin: leads}}«"),
        "teams.a.access.groups.admin: is `leads`, not a list",
        "write `[leads]`",
    ),
    "version as a float": (team("airflow: 3.3«"), "teams.a.airflow: is `3.3`, not text", 'such as "3.3.2"'),
    "Airflow 2": (team("airflow: 2.11.0«"), "`2.11.0` is not an Airflow 3 version", "for example `3.3.2`"),
    "number for text": (
        team("owner2: x", "quota: {cpu: 4}«").replace("    owner2: x\n", ""),
        "is `4`, not text",
        'write "4"',
    ),
    "text for a number": (
        team('quota: {pods: "40"}«'),
        "teams.a.quota.pods: is `40`, not a whole number",
        "without quotes",
    ),
    "text for a boolean": (team("suspended: maybe«"), "teams.a.suspended: is `maybe`, not `true` or `false`", "quotes"),
    "number too small": (team("quota: {pods: 2}«"), "teams.a.quota.pods: `2` is less than 5", "write 5"),
    "port too large": (platform("10.0.0.3}", "10.0.0.3, port: 70000}«"), "`70000` is more than 65535", "write 65535"),
    "no quantity": (
        team("quota: {memory: 4GB}«"),
        "`4GB` is not a Kubernetes quantity",
        "for example `500m` or `1.5Gi`",
    ),
    "URL without scheme": (
        platform('"https://sso.example.com"}', '"sso.example.com"}«'),
        "platform.sso.url: `sso.example.com` is not an http or https URL",
        "for example `https://sso.example.com`",
    ),
    "domain in capitals": (
        platform("airflow.example.com", "Airflow.example.com«"),
        "`Airflow.example.com` is not a DNS domain in lower case",
        "for example `airflow.example.com`",
    ),
    "host with a port": (platform("10.0.0.3}", '"db/x"}«'), "`db/x` is not a host name", "for example `10.0.0.3`"),
    "password in a URL": (
        team('dags: {source: git, repository: "https://me:secret@git.example.com/x"}«'),
        "must not carry a password",
        "see `fleet schema`",
    ),
    "no git address": (
        team("dags: {source: git, repository: dags}«"),
        "`dags` is not a git repository's address",
        "for example `https://",
    ),
    "path upwards": (
        team('dags: {source: git, repository: "https://x/y", path: ../z}«'),
        "a path inside the repository",
        "see `fleet schema`",
    ),
    "image with a blank": (team("image: my image«"), "`my image` is not a container image", "for example `registry"),
    "label with a blank": (
        team("labels: {a: b c}«"),
        "`b c` is not a Kubernetes label's value",
        "for example `cc-1234`",
    ),
    "gcs without bucket": (
        HEAD + "  terraform: {backend: gcs}«\n",
        "platform.terraform: `bucket` goes with `backend: gcs`",
        "see `fleet schema`",
    ),
    "wave without members": (
        HEAD + "waves:\n  - name: x«\n",
        "waves[0]: a wave names `teams` or a `percent`",
        "`fleet schema`",
    ),
}

READERS = {
    "on as a name": (HEAD + "teams:\n  on: {owner: x}«\n", "teams.on: `on` is not text to YAML", 'write "on" for text'),
    "number as a name": (HEAD + "teams:\n  42: {owner: x}«\n", "teams.42: `42` is not text to YAML", 'write "42"'),
    "nothing as a name": (HEAD + "teams:\n  ~: {owner: x}«\n", "teams.~: `~` is not text to YAML", 'write "~"'),
    "yes for true": (team("suspended: yes«"), "`yes` is not the same to all readers", "`true` for yes"),
    "octal": (team("values: {mode: 0755}«"), "`0755` is not the same to all readers", 'write "0755" for text'),
    "sexagesimal": (team("values: {at: 12:30}«"), "`12:30` is not the same to all readers", 'write "12:30" for text'),
    "underscored": (team("values: {m: 1_000}«"), "`1_000` is not the same to all readers", 'write "1_000" for text'),
    "date": (team("values: {on_call: 2026-11-22}«"), "`2026-11-22` is not the same", 'write "2026-11-22" for text'),
    "infinity": (team("values: {m: .inf}«"), "`.inf` is not the same to all readers", 'write ".inf" for text'),
    "merge key": (team("values:", "  <<: {b: c}«"), "merge keys are not for an inventory", "use `defaults`"),
    "list as a key": (team("values:", "  [b]: c«"), "a key that is itself a list", "write `key: value`"),
    "template as a value": (team("values: {{ x }}«"), "a key that is itself a list or a mapping", "needs quotes"),
    "twice": (team("size: small", "size: large«"), "teams.a.size: is already in line 10", "remove one of the two"),
    "team twice": (team() + "  a: {owner: y2}«\n", "teams.a: is already in line 8", "remove one of the two"),
}

MEANING = {
    "capital in a name": (HEAD + "teams:\n  Sales: {owner: x}«\n", "`Sales` is not a name", "did you mean `sales`?"),
    "underscore in a name": (HEAD + "teams:\n  data_eng: {owner: x}«\n", "is not a name", "did you mean `data-eng`?"),
    "digit first": (HEAD + "teams:\n  1st: {owner: x}«\n", "`1st` is not a name", "did you mean `st`?"),
    "dash last": (HEAD + "teams:\n  a-: {owner: x}«\n", "`a-` is not a name", "did you mean `a`?"),
    "empty name": (HEAD + 'teams:\n  "": {owner: x}«\n', "`` is not a name", "for example `data-science`"),
    "long name": (HEAD + f"teams:\n  {LONG}: {{owner: x}}«\n", "a name of 43 characters; at most 42", "Helm release"),
    "postgres": (HEAD + "teams:\n  postgres: {owner: x}«\n", "PostgreSQL keeps this name", "choose another name"),
    "template1": (HEAD + "teams:\n  template1: {owner: x}«\n", "PostgreSQL keeps this name", "choose another name"),
    "public": (HEAD + "teams:\n  public: {owner: x}«\n", "PostgreSQL keeps this name", "choose another name"),
    "pg-": (HEAD + "teams:\n  pg-team: {owner: x}«\n", "PostgreSQL keeps names with `pg_`", "choose another name"),
    "cloudsql": (HEAD + "teams:\n  cloudsqladmin: {owner: x}«\n", "Cloud SQL keeps names", "choose another name"),
    "keycloak": (HEAD + "teams:\n  keycloak: {owner: x}«\n", "the platform has a database of this name", "choose"),
    "fleet": (HEAD + "teams:\n  fleet-x: {owner: x}«\n", "fleet keeps names with `fleet-`", "choose another name"),
    "default": (HEAD + "teams:\n  default: {owner: x}«\n", "Terraform has a workspace of this name", "choose another"),
    "team and instance": (
        HEAD + "instances:\n  a: {owner: x}\nteams:\n  a: {owner: x}«\n",
        "teams.a: collides with `instances.a`",
        "rename one of the two",
    ),
    "team on the sign-on's host": (
        platform("sso.example.com", "sso.airflow.example.com") + "teams:\n  sso: {owner: x}«\n",
        "`sso.airflow.example.com` is already `platform.sso.url`",
        "choose another name",
    ),
    "unknown size": (team("size: meduim«"), "there is no size `meduim`", "did you mean `medium`? there are small"),
    "unknown default size": (HEAD + "defaults: {size: tiny}«\n", "defaults.size: there is no size `tiny`", "there are"),
    "unknown team in a wave": (
        team() + "  marketing: {owner: x}\nwaves:\n  - name: canary\n    teams:\n      - a\n      - marketign«\n",
        "waves[0].teams[1]: there is no team `marketign`",
        "did you mean `marketing`?",
    ),
    "team in two waves": (
        team() + "waves:\n  - {name: one, teams: [a]}\n  - {name: two, teams: [a]}«\n",
        "waves[1].teams[0]: the team `a` is already in `waves[0]`",
        "a team is in one wave only",
    ),
    "team twice in a wave": (
        team() + "waves:\n  - {name: one, teams: [a, a]}«\n",
        "the team `a` is already in this wave",
        "a team is in one wave only",
    ),
    "two waves of one name": (
        HEAD + "waves:\n  - {name: one, percent: 5}\n  - {name: one, percent: 6}«\n",
        "there is already a wave `one`",
        "rename one of the two",
    ),
    "a label that lifts the guardrails": (
        team("labels:", "  pod-security.kubernetes.io/enforce: privileged«"),
        "labels of `pod-security.kubernetes.io/` are the platform's",
        "use a prefix of your own",
    ),
    "a label that is fleet's mark": (
        team("labels: {fleet/instance: b}«"),
        "labels of `fleet/`",
        "a prefix of your own",
    ),
    "lane": (team("instance: shared«"), "lanes on a shared instance are not yet built", "remove the key"),
    "schema isolation": (
        platform("10.0.0.3}", "10.0.0.3, isolation: schema}«"),
        "platform.database.isolation: `schema` is not yet built",
        "write `database`",
    ),
    "a chart's folder that the look at drift has not": (
        platform("10.0.0.3}", "10.0.0.3}\n  drift: {enabled: true}")
        + "defaults:\n  chart: {source: official, version: 1.22.0, path: charts/airflow«}\n",
        "the look at drift would not find this folder",
        "platform.drift.inventory",
    ),
    "a host on Google Cloud": (
        google("{host: 10.0.0.3}«", "marketing"),
        "Google chooses the server's address",
        "write a DNS name of your own",
    ),
    "a name on Google Cloud": (
        google("{host: postgres.fleet.internal}", "business-intelligence-eu«"),
        "on Google Cloud a name has at most 22 characters",
        "choose a shorter name",
    ),
}

TABLE = {**SYNTAX, **FORM, **READERS, **MEANING}


@pytest.mark.parametrize(("marked", "cause", "hint"), TABLE.values(), ids=TABLE.keys())
def test_each_error_has_its_line_its_cause_and_its_hint(marked: str, cause: str, hint: str) -> None:
    before, _, after = marked.partition("«")
    (error,) = errors_of(before + after)
    assert cause in error.what
    assert hint in error.hint
    assert line_of(error) == before.count("\n") + 1
    assert error.exit_code is ExitCode.REFUSED


def test_the_table_without_its_faults_is_valid() -> None:
    assert load_text(team("size: small")).inventory.teams["a"].size == "small"


def test_all_errors_come_at_once_in_the_order_of_their_lines() -> None:
    found = errors_of(
        HEAD.replace("context", "contxt")
        + "teams:\n  A:\n    siez: small\n    size: tiny\n    airflow: 3.3\n  postgres:\n    owner: on\n"
        + "waves:\n  - {name: one, teams: [b]}\n"
    )
    assert [line_of(error) for error in found] == [4, 4, 8, 8, 9, 10, 11, 12, 13, 15]
    assert len({error.what for error in found}) == len(found)


def test_one_place_has_one_error() -> None:
    # `42` is neither text nor a name; `on` is neither agreed upon nor a size: the second follows from the first.
    assert len(errors_of(HEAD + "teams:\n  42:\n    owner: x\n    size: on\n")) == 2


def test_errors_beyond_what_anybody_reads_are_counted() -> None:
    found = errors_of(team(*(f"k{number}: 1" for number in range(MAX_SHOWN + 7))))
    assert len(found) == MAX_SHOWN + 1
    assert found[-1].what == "and 7 more"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (HEAD.encode("utf-16"), "UTF-16"),
        (team("size: sm\xe4ll").encode("latin-1"), "not UTF-8: byte 0xe4"),
        (b"\x00" * 10, "U+0000"),
        (b"#" * (MAX_BYTES + 1), "larger than 4 MiB"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, cause: str) -> None:
    (error,) = errors_of(content)
    assert cause in error.what
    assert error.hint


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    assert (
        load_text(b"\xef\xbb\xbf" + team("size: large").replace("\n", "\r\n").encode())
        .where("teams", "a")
        .endswith(":8")
    )


@pytest.mark.parametrize("make", ["nothing", "folder", "loop", "null"])
def test_what_is_no_file_is_refused(tmp_path: Path, make: str) -> None:
    path = tmp_path / "tenants.yaml"
    if make == "folder":
        path.mkdir()
    elif make == "loop":
        path.symlink_to(path)
    elif make == "null":
        path = Path("tenants\0.yaml")
    with pytest.raises(FleetErrors) as caught:
        load(path)
    (error,) = caught.value.errors
    assert error.hint
    assert caught.value.exit_code is ExitCode.REFUSED


def test_a_fifo_does_not_hang_the_load(tmp_path: Path) -> None:
    import os

    path = tmp_path / "tenants.yaml"
    os.mkfifo(path)
    with pytest.raises(FleetErrors):
        load(path)
