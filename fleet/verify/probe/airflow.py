"""What another team's Airflow says to this team: takes this instance's own keys from the environment, gives outcomes.

Every token is tried at home first: that one's own Airflow takes it shows that the other's refusal is no accident of its form.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from . import database
from .common import (
    Answer,
    Context,
    Outcome,
    Probe,
    ProbeOther,
    address,
    ask,
    by_status,
    hole,
    refused,
    token,
    unknown,
    unreachable,
)
from .machine import worst

_API = "/api/v2/dags?limit=1"
_WORKERS = "/execution/variables/fleet-verify"
_TASK_AUDIENCE = "urn:airflow.apache.org:task"  # [execution_api] jwt_audience
_LOG_AUDIENCE = "task-instance-logs"  # airflow/utils/serve_logs
_LOG = "/log/fleet-verify"
_LOG_PORT = 8794
# The numbers under which the other Airflow's first people are likely to be found: a token names its user by the row's number.
_NUMBERS = (1, 2, 3)

Place = Mapping[str, Any]


def _get(place: Place, path: str, method: str = "GET", **headers: str) -> Answer:
    return ask(place["airflow"] + path, method, headers)


def _bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


def _claims(place: Place, subject: str) -> dict[str, str]:
    return {"sub": subject, "aud": place["audience"], "iss": place["issuer"]}


def _key() -> str:
    return os.environ["AIRFLOW__API_AUTH__JWT_SECRET"]


def _page(context: Context, other: Place) -> Outcome:
    try:
        answer = _get(other, "/", Accept="text/html")
    except OSError as error:
        return unreachable(context, error)
    if answer.status in (302, 303, 307) and "/login" in answer.location:
        return refused(f"HTTP {answer.status}: sent to sign in")
    return by_status(answer)


def _api(context: Context, other: Place) -> Outcome:
    return _call(context, other, _API)


def _call(context: Context, other: Place, path: str, **headers: str) -> Outcome:
    try:
        return by_status(_get(other, path, **headers))
    except OSError as error:
        return unreachable(context, error)


def _taken_at_home(context: Context) -> str:
    """How this instance's own Airflow takes what is signed with its key; empty where it does not."""
    home = context["team"]
    people = database.rows("select id from ab_user where active order by id limit 1")
    if people:
        number = str(people[0][0])
        answer = _get(home, "/ui/auth/me", **_bearer(token(_key(), _claims(home, number))))
        if answer.status == 200:
            return f"user {number}, who is let in at home"
    # Nobody has signed in here yet, or a session is wanted besides the token: the workers' API at least knows the key.
    answer = _get(home, _WORKERS, **_bearer(token(_key(), _task_claims(home))))
    known = answer.status == 404 or (answer.status == 403 and "auth token" not in answer.text)
    return "a key that holds at home" if known else ""


def _signed(context: Context, other: Place, make: Any) -> Outcome:
    """Every likely user's token, once this team's own Airflow has shown that it takes such tokens."""
    try:
        control = _taken_at_home(context)
    except OSError as error:
        return unknown(f"its own Airflow does not answer ({type(error).__name__})")
    if not control:
        return unknown("its own Airflow does not take a token signed with its own key")
    verdict, how = worst([_call(context, other, _API, **make(str(number))) for number in _NUMBERS])
    return verdict, f"{how} ({control})"


def _user(context: Context, other: Place) -> Outcome:
    home = context["team"]
    return _signed(context, other, lambda number: _bearer(token(_key(), _claims(home, number))))


def _forged(context: Context, other: Place) -> Outcome:
    return _signed(context, other, lambda number: _bearer(token(_key(), _claims(other, number))))


def _unsigned(context: Context, other: Place) -> Outcome:
    return _signed(context, other, lambda number: _bearer(token("", _claims(other, number), "none")))


def _cookie(context: Context, other: Place) -> Outcome:
    home = context["team"]
    return _signed(context, other, lambda number: {"Cookie": f"_token={token(_key(), _claims(home, number))}"})


def _task_claims(place: Place) -> dict[str, str]:
    return {"sub": str(uuid.uuid4()), "aud": _TASK_AUDIENCE, "iss": place["issuer"]}


def _worker(context: Context, other: Place) -> Outcome:
    def attempt(place: Place) -> Answer:
        return _get(other, _WORKERS, **_bearer(token(_key(), _task_claims(place))))

    try:
        if not _taken_at_home(context):
            return unknown("its own Airflow does not take a token signed with its own key")
        answers = [attempt(context["team"]), attempt(other)]
    except OSError as error:
        return unreachable(context, error)
    # Airflow refuses a token with these words; a 403 with others has let the token pass and looked at its rights.
    return worst([hole(each.short) if _let_in(each) else by_status(each) for each in answers])


def _let_in(answer: Answer) -> bool:
    return answer.status == 403 and "auth token" not in answer.text


def _script(context: Context, other: Place) -> Outcome:
    """What a browser asks before it lets a script of one page call another's API, and what cookies it would send along."""
    origins = [_origin(place["issuer"]) for place in (context["team"], other)]
    if origins[0] == origins[1]:
        return hole(f"both pages are of one origin, {origins[0]}: a script on one is a script on the other")
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    try:
        preflight = _get(other, "/api/v2/dags/any/dagRuns", "OPTIONS", Origin=origins[0], **asked)
        simple = _get(other, _API, Origin=origins[0])
        login = _get(other, "/auth/login/")
    except OSError as error:
        return unreachable(context, error)
    granted = [each.headers.get("access-control-allow-origin", "") for each in (preflight, simple)]
    if found := [each for each in granted if each in ("*", origins[0])]:
        return hole(f"Access-Control-Allow-Origin: {found[0]}")
    if "domain=" in login.headers.get("set-cookie", "").lower():
        return hole("its cookies are for the whole domain")
    return refused(
        f"HTTP {preflight.status} to a preflight from {origins[0]}, which it does not allow; cookies of its host only"
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _logs(context: Context, other: Place) -> Outcome:
    if not other["log_servers"]:
        return unknown("no pod of it serves logs")
    claims = {"aud": _LOG_AUDIENCE, "filename": "fleet-verify"}
    headers = {"Authorization": token(os.environ["AIRFLOW__API__SECRET_KEY"], claims)}
    outcomes = []
    for host in other["log_servers"]:
        url = f"http://{address(host)}:{_LOG_PORT}{_LOG}"
        try:
            outcomes += [by_status(ask(url, headers=each)) for each in ({}, headers)]
        except OSError as error:
            outcomes.append(unreachable(context, error))
    return worst(outcomes)


PROBES: dict[str, Probe] = {}
AGAINST: dict[str, ProbeOther] = {
    "web-page": _page,
    "web-api": _api,
    "web-user": _user,
    "web-forged": _forged,
    "web-unsigned": _unsigned,
    "web-cookie": _cookie,
    "web-worker": _worker,
    "web-script": _script,
    "web-logs": _logs,
}
