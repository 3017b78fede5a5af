"""The inventory's types: takes plain parsed data, gives frozen typed values, never reads a file and never looks at the world.

Field descriptions are the reference: the JSON Schema (`fleet schema`) and the docs are generated from them.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from fleet import schedule, windows

Role = Literal["admin", "op", "user", "viewer"]
Executor = Literal["KubernetesExecutor", "LocalExecutor"]
Manager = Literal["fab", "keycloak"]

# A name becomes a namespace (`airflow-` + name, RFC 1123 label, 63), a Helm release (`guardrails-` + name, 53), a
# PostgreSQL identifier (63) and a host label (63). The Helm release is the narrowest: 53 - 11.
NAME_MAX = 42
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=NAME_MAX)]

# Kubernetes' resource.Quantity, without exponents: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
Quantity = Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN)]
# Airflow 3 only: the charts know no other.
AIRFLOW_PATTERN = r"^3\.[0-9]+\.[0-9]+$"
AirflowVersion = Annotated[str, StringConstraints(pattern=AIRFLOW_PATTERN)]
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LABEL_KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LabelKey = Annotated[str, StringConstraints(pattern=LABEL_KEY_PATTERN)]
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
LabelValue = Annotated[str, StringConstraints(pattern=LABEL_VALUE_PATTERN)]
# A server's address: a host name, IPv4, or IPv6 without brackets.
HOST_PATTERN = r"^[A-Za-z0-9:]([-A-Za-z0-9.:]{0,251}[A-Za-z0-9])?$"
Host = Annotated[str, StringConstraints(pattern=HOST_PATTERN)]
DOMAIN_PATTERN = r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
# https://github.com/distribution/reference: name, tag, digest
IMAGE_PATTERN = r"^[a-z0-9]([-a-z0-9._:/]*[a-z0-9])?(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(@sha256:[0-9a-f]{64})?$"
Image = Annotated[str, StringConstraints(pattern=IMAGE_PATTERN)]
# A Kubernetes object's name (RFC 1123 subdomain).
OBJECT_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
ObjectName = Annotated[str, StringConstraints(pattern=OBJECT_PATTERN)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
# A right becomes a role of FAB's, with `dags-` before it: 64 characters.
RIGHT_MAX = 59
RightName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=RIGHT_MAX)]
# Airflow's own bounds of a DAG's id, and of a tag. Helm would take braces for a template.
DAG_ID_PATTERN = r"^[-\w.]+$"
DagPrefix = Annotated[str, StringConstraints(pattern=DAG_ID_PATTERN, max_length=250)]
TAG_PATTERN = r"^[^\s{}]([^{}\r\n]*[^\s{}])?$"
DagTag = Annotated[str, StringConstraints(pattern=TAG_PATTERN, max_length=100)]
# One version, no range: Helm would take `1.x` or `>=1.20` for whatever is newest today.
CHART_VERSION_PATTERN = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"
ChartVersion = Annotated[str, StringConstraints(pattern=CHART_VERSION_PATTERN)]


def _window(value: str) -> str:
    windows.parse(value)
    return value


MaintenanceWindow = Annotated[str, AfterValidator(_window)]


def _schedule(value: str) -> str:
    schedule.parse(value)
    return value


Schedule = Annotated[str, AfterValidator(_schedule)]


def _date(value: str) -> str:
    date.fromisoformat(value)
    return value


def _cidr(value: str) -> str:
    ipaddress.ip_network(value)
    return value


Cidr = Annotated[str, AfterValidator(_cidr)]


def _no_secret_url(value: str) -> str:
    if re.match(r"^[a-z+]+://[^/@]*:[^/@]*@", value):
        raise ValueError("a URL in the inventory must not carry a password: the inventory is no place for secrets")
    return value


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):  # which Python, and so Literal, takes for a number
        raise ValueError("a boolean, not a number")
    return value


def _inside(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/"):
        raise ValueError("a path inside the repository: relative, without `..`")
    return value


URL_PATTERN = r"^https?://[^\s/]+[^\s]*$"
Url = Annotated[str, StringConstraints(pattern=URL_PATTERN), AfterValidator(_no_secret_url)]
GIT_URL_PATTERN = r"^(https?|git|ssh)://\S+$|^[^\s@:/-][^\s@:/]*@[^\s:]+:\S+$"
GitUrl = Annotated[str, StringConstraints(pattern=GIT_URL_PATTERN), AfterValidator(_no_secret_url)]


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Kubernetes(_Value):
    """The cluster that all instances share."""

    context: str = Field(min_length=1)
    """Name of the kubeconfig context. `fleet-sandbox` is the cluster of `fleet sandbox up`."""


def _private_or_https(value: str) -> str:
    host = urlsplit(value).hostname or ""
    try:
        private = ipaddress.ip_address(host).is_private
    except ValueError:
        private = host == "localhost"
    if not value.startswith("https://") and not private:
        raise ValueError("plain http only to an address of this machine or of a private network")
    return value


ApiUrl = Annotated[Url, AfterValidator(_private_or_https)]


class CloudSqlMaintenance(_Value):
    """When Google may maintain the server."""

    day: Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    """Day of the week."""
    hour: int = Field(ge=0, le=23)
    """Hour of the day, in UTC."""


class CloudSqlSettings(_Value):
    """How the server should be; what is left out is not looked at. `fleet drift` holds the server against it."""

    version: NonEmpty | None = None
    """Version, in Cloud SQL's words: `POSTGRES_17`."""
    tier: NonEmpty | None = None
    """Machine."""
    availability: Literal["REGIONAL", "ZONAL"] | None = None
    """`REGIONAL`: a standby in another zone takes over. `ZONAL`: none."""
    flags: dict[NonEmpty, str] | None = None
    """All flags that are set, by name, as text; any other one is drift."""
    backups: int | None = Field(default=None, ge=1, le=365)
    """Number of daily backups that are kept; backups are on."""
    backup_start: str | None = Field(default=None, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    """Time of day at which the backup starts, in UTC."""
    point_in_time: bool | None = None
    """Whether any moment of the last days can be restored."""
    deletion_protection: bool | None = None
    """Whether Google's API refuses to delete the server."""
    public_address: bool | None = None
    """Whether it has an address outside of the network."""
    networks: list[Cidr] | None = None
    """Networks that may come to that address."""
    tls_only: bool | None = None
    """Whether connections without TLS are refused; only `true` is looked at."""
    maintenance: CloudSqlMaintenance | None = None
    """When Google may maintain the server."""


class CloudSql(_Value):
    """The Cloud SQL Admin API of the server, by which `fleet` backs up and restores databases."""

    project: Name
    """Google Cloud project."""
    instance: Name
    """Cloud SQL instance."""
    bucket: ObjectName
    """Bucket for the dumps, a folder per instance. Cloud SQL's service account writes to it."""
    keep: int = Field(default=14, ge=1)
    """How many proven backups of an instance are kept. After each backup the older ones are deleted, and what an export left
    without a proof more than a day ago; no other object is."""
    admin_api: ApiUrl = "https://sqladmin.googleapis.com"
    """Address of the Cloud SQL Admin API. Over plain http (the sandbox's) no credentials are sent; else Google's
    application default credentials are."""
    storage_api: ApiUrl = "https://storage.googleapis.com"
    """Address of Cloud Storage's JSON API, where the proofs are kept beside the dumps."""
    settings: CloudSqlSettings | None = None
    """How the server should be. On Google Cloud (`cloud: gcp`) `platform.gcp.database` says most of it."""


class DatabaseServer(_Value):
    """The PostgreSQL server that all instances share (Cloud SQL in production)."""

    host: Host
    """Host name or address, as seen from the pods and from where `fleet` runs."""
    port: int = Field(default=5432, ge=1, le=65535)
    """TCP port."""
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "require"
    """libpq's sslmode, for Terraform and for Airflow."""
    isolation: Literal["database", "schema"] = "database"
    """`database`: one database per instance. `schema`: one database, a schema each; Airflow's scheduler lock is per
    database, so all schedulers then contend (not yet built)."""
    cloud_sql: CloudSql | None = None
    """How databases are backed up. Without it there are no backups: `remove-team` then wants `--no-backup` or
    `--keep-database`."""


class SignOn(_Value):
    """The Keycloak realm that all instances share."""

    url: Url
    """Keycloak's base URL, as seen from the browser, the pods and where `fleet` runs."""
    realm: Name = "fleet"
    """Name of the realm that the stack `platform` makes."""


class TerraformBackend(_Value):
    """Where Terraform keeps its states, one workspace per instance."""

    backend: Literal["pg", "gcs"] = "pg"
    """`pg`: a PostgreSQL database (its connection string is in the Secret `fleet-platform`). `gcs`: a Google bucket."""
    bucket: str | None = None
    """Bucket of the back end `gcs`."""

    @model_validator(mode="after")
    def _bucket_goes_with_gcs(self) -> TerraformBackend:
        if (self.backend == "gcs") != (self.bucket is not None):
            raise ValueError("`bucket` goes with `backend: gcs`, and only with it")
        return self


class Gateway(_Value):
    """A Gateway of the Gateway API."""

    namespace: ObjectName
    """Its namespace."""
    name: ObjectName
    """Its name."""


class Front(_Value):
    """What leads to the instances from outside of the cluster: a controller that is there already."""

    kind: Literal["ingress", "gateway"] = "ingress"
    """`ingress`: each instance gets an Ingress. `gateway`: it gets an HTTPRoute of the Gateway API."""
    class_name: ObjectName | None = Field(default=None, alias="class")
    """The Ingresses' class; none means the cluster's default."""
    gateway: Gateway | None = None
    """The Gateway that the HTTPRoutes are for; it ends TLS, and takes routes from the instances' namespaces."""
    tls_secret: ObjectName | None = None
    """Name of the Secret with the certificate, in each instance's namespace; none means the controller's own certificate."""
    annotations: dict[LabelKey, str] = Field(default_factory=dict)
    """Annotations of every Ingress or HTTPRoute, for the controller or for cert-manager."""

    @model_validator(mode="after")
    def _gateway_goes_with_gateway(self) -> Front:
        if (self.kind == "gateway") != (self.gateway is not None):
            raise ValueError("`gateway` goes with `kind: gateway`, and only with it")
        if self.kind == "gateway" and (self.class_name or self.tls_secret):
            raise ValueError(
                "`class` and `tls_secret` go with `kind: ingress`: a Gateway has a class and certificates itself"
            )
        return self


def _not_googles(value: str) -> str:
    if value.startswith(("goog", "cloudsql", "pg_")):
        raise ValueError("Google and PostgreSQL keep names that begin with `goog`, `cloudsql` or `pg_` for themselves")
    return value


# https://cloud.google.com/resource-manager/docs/creating-managing-projects: 6 to 30
PROJECT_PATTERN = r"^[a-z][-a-z0-9]{4,28}[a-z0-9]$"
# https://cloud.google.com/storage/docs/buckets#naming, without the dots of names that are domains
BUCKET_PATTERN = r"^[a-z0-9][-_a-z0-9]{1,61}[a-z0-9]$"
# https://cloud.google.com/sql/docs/postgres/users
ROLE_PATTERN = r"^[a-z_][a-z0-9_]{0,62}$"
NETWORK_PATTERN = r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"  # https://cloud.google.com/compute/docs/naming-resources
REGION_PATTERN = r"^[a-z]+-[a-z]+[0-9]+$"
SERVER_PATTERN = r"^[a-z]([-a-z0-9]{0,53}[a-z0-9])?$"
SERVER_VERSION_PATTERN = r"^POSTGRES_[0-9]+$"
# https://cloud.google.com/sql/docs/postgres/create-instance#machine-types, of the edition Enterprise
TIER_PATTERN = r"^db-(custom-[0-9]+-[0-9]+|f1-micro|g1-small)$"
TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
GOOGLE_ACCOUNT_MAX = 30  # https://cloud.google.com/iam/docs/service-accounts-create: 6 to 30


class GoogleDatabase(_Value):
    """The Cloud SQL server. Its address is private; in the network its name is `platform.database.host`."""

    name: str = Field(pattern=SERVER_PATTERN)
    """Name of the Cloud SQL instance. Google keeps a deleted one's name for a week."""
    version: str = Field(default="POSTGRES_17", pattern=SERVER_VERSION_PATTERN)
    """Version, in Cloud SQL's words."""
    tier: str = Field(pattern=TIER_PATTERN)
    """Machine: `db-custom-<CPUs>-<megabytes>`, or `db-f1-micro` or `db-g1-small` to try things out."""
    availability: Literal["REGIONAL", "ZONAL"] = "REGIONAL"
    """`REGIONAL`: a standby in another zone takes over. `ZONAL`: none."""
    disk_gb: int = Field(default=50, ge=10)
    """Size of the disk at first, in GB; it grows by itself."""
    max_connections: int = Field(default=500, ge=14, le=262143)
    """The server's `max_connections`, which the instances share. To change it restarts the server."""
    backups: int = Field(default=30, ge=1, le=365)
    """Number of daily backups that are kept; on top of them, any moment of the last seven days can be restored."""
    backup_start: str = Field(default="02:00", pattern=TIME_PATTERN)
    """Time of day at which the backup starts, in UTC."""
    deletion_protection: bool = True
    """Neither Terraform nor Google's console deletes the server while this is on."""
    iam_authentication: bool = False
    """Each instance's service account is also a database user, without a password, for the Cloud SQL Auth Proxy.
    Airflow itself goes on signing in by password."""
    admin: Annotated[str, StringConstraints(pattern=ROLE_PATTERN), AfterValidator(_not_googles)] = "fleet_admin"
    """The administrator that is made; the Secret `fleet-platform` has the same name and its password."""


class GoogleCloud(_Value):
    """What is made on Google Cloud. The network and the cluster are there already."""

    project: str = Field(pattern=PROJECT_PATTERN)
    """Project's id."""
    region: str = Field(pattern=REGION_PATTERN)
    """Region, for example `europe-west3`."""
    network: str = Field(pattern=NETWORK_PATTERN)
    """Name of the VPC network that the cluster is in."""
    database: GoogleDatabase
    """The Cloud SQL server."""
    log_bucket: Annotated[str, StringConstraints(pattern=BUCKET_PATTERN), AfterValidator(_not_googles)]
    """Bucket to make for the tasks' logs, a folder per instance; Airflow's image needs the Google provider package."""
    log_days: int = Field(default=90, ge=1)
    """Days after which a log is deleted."""


class Portal(_Value):
    """The door for people: a page at `https://<domain>/` with the Airflows that a person may enter."""

    enabled: bool = True
    """Whether there is one. With `urls: service` there is none: nobody could reach it."""
    image: Image = "fleet.local/portal:1"
    """Its image, with a tag."""


class ConfigMapSource(_Value):
    """The inventory as it was when it was applied last."""

    source: Literal["configmap"]
    """`fleet` puts the inventory into the cluster whenever it applies the platform."""


class GitSource(_Value):
    """The inventory as it stands in a git repository."""

    source: Literal["git"]
    """The job fetches the inventory each time it runs."""
    repository: GitUrl
    """Address of the repository, without a password in it."""
    ref: str = Field(default="main", min_length=1)
    """Branch, tag or commit."""
    path: Annotated[NonEmpty, AfterValidator(_inside)] = "tenants.yaml"
    """The inventory's path inside the repository."""
    credentials: ObjectName | None = None
    """Name of a Secret in `fleet-system` with `GITSYNC_USERNAME` and `GITSYNC_PASSWORD`; none for a public repository."""
    image: Image = "fleet.local/git-sync:v4-standin"
    """Image of git-sync, with a tag."""


InventorySource = Annotated[ConfigMapSource | GitSource, Field(discriminator="source")]


class Webhook(_Value):
    """Who is told of drift that came or went, over HTTP."""

    secret: ObjectName
    """Name of a Secret in `fleet-system` with the URL: whoever knows it can write there, so it stands in no inventory."""
    key: NonEmpty = "url"
    """Key in that Secret."""
    format: Literal["slack", "generic"] = "generic"
    """`slack`: one text, as Slack, Mattermost and others take it. `generic`: JSON with every finding."""
    port: int = Field(default=443, ge=1, le=65535)
    """TCP port of the URL, which the job's network policy opens."""


EMAIL_PATTERN = r"^[^@\s]+@[^@\s]+$"
GoogleEmail = Annotated[str, StringConstraints(pattern=EMAIL_PATTERN)]


class DriftJob(_Value):
    """The look at drift on a schedule, in the cluster, under identities that can only read."""

    enabled: bool = False
    """Whether there is one."""
    schedule: Schedule = "*/15 * * * *"
    """When it looks: the five fields of cron, by numbers, in UTC."""
    image: Image | None = None
    """Its image, with a tag; by default `fleet.local/fleet` of this version."""
    shards: int = Field(default=1, ge=1, le=64)
    """How many pods share the teams; one is enough for two hundred."""
    inventory: InventorySource = ConfigMapSource(source="configmap")
    """Where the job has the inventory from."""
    webhook: Webhook | None = None
    """Who is told of drift that came or went."""
    prometheus_rule: bool = False
    """Whether Prometheus' operator gets rules for alerts; its kind PrometheusRule has to be there."""
    google_service_account: GoogleEmail | None = None
    """E-mail address of the Google service account that the job's pods are (Workload Identity): it reads the states in a
    bucket and the Cloud SQL server's settings."""


class Platform(_Value):
    """What the instances share."""

    domain: str = Field(pattern=DOMAIN_PATTERN, max_length=200)
    """DNS domain of the front, under which each instance gets its URL."""
    urls: Literal["host", "path", "service"] = "host"
    """`host`: `https://<instance>.<domain>/`. `path`: `https://<domain>/<instance>/` (a path is no wall between teams: one
    browser origin). `service`: no front; each Airflow answers at its Kubernetes Service only, over plain HTTP."""
    front: Front = Front()
    """What leads to the instances from outside of the cluster; not used with `urls: service`."""
    private_ca: bool = False
    """Whether a certificate authority of your own signed the certificates of front and Keycloak. It is then in the Secret
    `fleet-platform`, key `ca.crt`; `fleet`, Terraform and each instance's API server trust it beside the public ones."""
    cloud: Literal["none", "gcp"] = "none"
    """`none`: the server and Keycloak are already there. `gcp`: the server and a bucket for logs are made on Google Cloud, and
    a service account per instance."""
    gcp: GoogleCloud | None = None
    """What is made on Google Cloud; goes with `cloud: gcp`."""
    kubernetes: Kubernetes
    """The cluster that all instances share."""
    database: DatabaseServer
    """The PostgreSQL server that all instances share."""
    sso: SignOn
    """The Keycloak realm that all instances share."""
    terraform: TerraformBackend = TerraformBackend()
    """Where Terraform keeps its states."""
    portal: Portal = Portal()
    """The door for people."""
    drift: DriftJob = DriftJob()
    """The look at drift on a schedule."""

    @model_validator(mode="after")
    def _google_goes_with_gcp(self) -> Platform:
        if (self.cloud == "gcp") != (self.gcp is not None):
            raise ValueError("`gcp` goes with `cloud: gcp`, and only with it")
        return self


class Resources(_Value):
    """CPU and memory of one container. The memory is request and limit in one; the CPU is the request only."""

    cpu: Quantity
    """CPU request, for example `250m`."""
    memory: Quantity
    """Memory request and limit, for example `1Gi`."""


class Quota(_Value):
    """What an instance's namespace may use in all (ResourceQuota)."""

    cpu: Quantity | None = None
    """Sum of CPU requests."""
    memory: Quantity | None = None
    """Sum of memory limits."""
    pods: int | None = Field(default=None, ge=5)
    """Number of pods. Airflow's own components need four and the migration one."""


class Size(_Value):
    """A named set of resources, chosen per team by `size`."""

    api_server: Resources
    """The API server, which also serves the user interface."""
    scheduler: Resources
    """The scheduler; with LocalExecutor the tasks run in it as well."""
    dag_processor: Resources
    """The DAG processor, which parses the DAGs."""
    triggerer: Resources
    """The triggerer, which waits for deferred tasks."""
    worker: Resources
    """Each task's pod (KubernetesExecutor)."""
    parallelism: int = Field(ge=1)
    """Most task instances that run at once (Airflow's `core.parallelism`)."""
    connections: int = Field(ge=5)
    """CONNECTION LIMIT of the database role."""
    quota: Quota
    """What the instance's namespace may use in all."""


def _size(cpu: int, memory: int, workers: int, connections: int) -> Size:
    component = Resources(cpu=f"{cpu}m", memory=f"{memory}Mi")
    # The scheduler of a LocalExecutor runs the tasks as well; it and the API server need twice the memory of the others.
    large = Resources(cpu=f"{cpu}m", memory=f"{2 * memory}Mi")
    return Size(
        api_server=large, scheduler=large, dag_processor=component, triggerer=component,
        worker=Resources(cpu=f"{cpu}m", memory=f"{memory}Mi"), parallelism=workers, connections=connections,
        # Airflow's own pods weigh six times a component; twice that while a release rolls, two for the migration.
        quota=Quota(cpu=f"{cpu * (10 + workers)}m", memory=f"{memory * (14 + workers)}Mi", pods=12 + workers),
    )  # fmt: skip


# Measured (facts.md of the design): api-server 290 MB, scheduler 250 MB, dag-processor 190 MB of resident memory.
DEFAULT_SIZES: dict[str, Size] = {
    "small": _size(100, 768, 8, 30),
    "medium": _size(500, 1024, 32, 60),
    "large": _size(1000, 2048, 96, 120),
}


class BakedDags(_Value):
    """DAGs that are part of the image."""

    source: Literal["baked"]
    """The DAGs are in the image."""


class NoDags(_Value):
    """No DAGs yet."""

    source: Literal["none"]
    """There are none."""


class GitDags(_Value):
    """DAGs that git-sync fetches."""

    source: Literal["git"]
    """The DAGs are in a git repository."""
    repository: GitUrl
    """Address of the repository, without a password in it."""
    ref: str = Field(default="main", min_length=1)
    """Branch, tag or commit."""
    path: Annotated[str, AfterValidator(_inside)] = ""
    """Folder of the DAGs inside the repository; empty for its root."""
    interval: int = Field(default=30, ge=1)
    """Seconds between two fetches."""
    credentials: ObjectName | None = None
    """Name of a Secret in the instance's namespace with `GITSYNC_USERNAME` and `GITSYNC_PASSWORD`; none for a public
    repository. The team makes it; `fleet` never sees what is in it."""


Dags = Annotated[BakedDags | NoDags | GitDags, Field(discriminator="source")]


class FleetChart(_Value):
    """The chart that comes with `fleet`."""

    source: Literal["fleet"]
    """The chart that comes with `fleet`: lean, no hooks, closed against unknown keys."""


class OfficialChart(_Value):
    """The official Airflow chart, from a chart repository or from a folder."""

    source: Literal["official"]
    """Apache Airflow's own chart."""
    version: ChartVersion
    """Version of the chart, exactly. `fleet` makes its values in the dialect of 1.22.0."""
    repository: Url | None = None
    """Address of the chart repository (`https://airflow.apache.org`, or a mirror of it)."""
    path: NonEmpty | None = None
    """Folder of the chart, with its dependencies in it; a relative one starts at the inventory's folder."""

    @model_validator(mode="after")
    def _one_place(self) -> OfficialChart:
        if bool(self.repository) == bool(self.path):
            raise ValueError("the official chart comes from a `repository` or from a `path`: one of the two")
        return self


Chart = Annotated[FleetChart | OfficialChart, Field(discriminator="source")]


class DagRight(_Value):
    """A right to some of an instance's DAGs, beside whatever else somebody may do there."""

    prefix: DagPrefix | None = None
    """The DAGs whose id begins with this."""
    tag: DagTag | None = None
    """The DAGs that bear this tag."""
    role: Literal["viewer", "user"] = "viewer"
    """`viewer`: may see these DAGs, their runs and logs. `user`: may also trigger, clear and delete them."""
    groups: list[NonEmpty] = Field(default_factory=list)
    """Keycloak groups that have the right, written as in `access.groups`. It has `/<instance>/dags-<right>` by itself."""
    users: list[NonEmpty] = Field(default_factory=list)
    """Keycloak user names that have the right; the people must be there already."""

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> DagRight:
        if (self.prefix is None) == (self.tag is None):
            raise ValueError("a right is to the DAGs of a `prefix` or of a `tag`: one of the two")
        return self


class AuthManager(_Value):
    """Which part of Airflow signs people in by Keycloak (`docs/sign-on.md` compares the two)."""

    manager: Manager = "fab"
    """`fab`: Airflow asks Keycloak at sign-in who somebody is and which role they have, and decides by itself from then on.
    `keycloak`: Keycloak decides, at every turn; for Airflow 3.3."""


class Access(_Value):
    """Who may sign in, and as what."""

    groups: dict[Role, list[NonEmpty]] = Field(default_factory=dict)
    """Keycloak groups per role. A plain name is a group that fleet makes; a path with slashes (`/company/data`) is one that
    is there: from a directory, or another team's (`/finance/user`). Every instance has `/<instance>/<role>` by itself."""
    users: dict[Role, list[NonEmpty]] = Field(default_factory=dict)
    """Keycloak user names per role; the people must be there already."""
    dags: dict[RightName, DagRight] = Field(default_factory=dict)
    """Rights to some of the DAGs, by name. They add: who has one of the roles has it for all DAGs."""


class Egress(_Value):
    """A way out of an instance's namespace, for its tasks; by default there is none but to what Airflow itself needs."""

    cidrs: list[Cidr] = Field(min_length=1)
    """Where to, as address ranges: a NetworkPolicy knows no host names."""
    ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(default_factory=list)
    """TCP ports; none means all."""


class Defaults(_Value):
    """What a team gets where it says nothing."""

    size: Name = "small"
    """One of `sizes`, or the built-in `small`, `medium`, `large`."""
    airflow: AirflowVersion = "3.3.2"
    """Airflow version."""
    image: Image = "fleet.local/airflow"
    """Image without a tag; the tag is the Airflow version. An image with a tag is taken as it is."""
    executor: Executor = "KubernetesExecutor"
    """How tasks run: a pod each, or inside the scheduler."""
    dags: Dags = NoDags(source="none")
    """Where the DAGs come from."""
    chart: Chart = FleetChart(source="fleet")
    """Which Helm chart installs Airflow."""
    sso: AuthManager = AuthManager()
    """How people sign in."""
    git_sync_image: Image = "fleet.local/git-sync:v4-standin"
    """Image of git-sync, with a tag, for `dags.source: git`."""


class Deployment(_Value):
    """What one Airflow is made of: the keys that a team's own instance and a shared instance have in common."""

    owner: str = Field(min_length=1)
    """Whom to call: an e-mail address or a group."""
    size: Name | None = None
    """One of `sizes`, or the built-in `small`, `medium`, `large`."""
    airflow: AirflowVersion | None = None
    """Airflow version."""
    image: Image | None = None
    """Image, with or without a tag (see `defaults.image`)."""
    executor: Executor | None = None
    """How tasks run: a pod each, or inside the scheduler."""
    dags: Dags | None = None
    """Where the DAGs come from."""
    chart: Chart | None = None
    """Which Helm chart installs Airflow."""
    sso: AuthManager | None = None
    """How people sign in."""
    access: Access = Access()
    """Who may sign in, and as what."""
    quota: Quota = Quota()
    """Overrides of the size's quota, key by key."""
    egress: list[Egress] = Field(default_factory=list)
    """What the tasks may reach over the network."""
    values: dict[str, Any] = Field(default_factory=dict)
    """Overrides of the Airflow chart's values, in the official chart's dialect; merged over what `fleet` makes."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Extra labels of the namespace and of everything in it."""
    suspended: bool = False
    """No pods; the database, the keys and the sign-on client stay."""
    adopted: bool = False
    """Taken over as it was installed (`fleet adopt`): `fleet` gives its pods nothing of its own (its label, the note that
    restarts them when the connection changes, the DAG `fleet_smoke`), since that would restart them. Without this key the
    next `fleet apply` does, once."""
    window: MaintenanceWindow | None = None
    """When `fleet upgrade` may take this Airflow away: days, hours and a time zone, such as `Sun 02:00-06:00 Europe/Berlin`,
    `Mon-Fri 20:00-23:00 UTC` or `daily 01:00-05:00 America/New_York`. Without it: at any time."""


class Team(Deployment):
    """A group of people with DAGs of their own."""

    instance: Name | None = None
    """A shared instance on which this team has a lane (not yet built). By default the team has an instance of its own."""


class SharedInstance(Deployment):
    """An Airflow that several teams will share."""


class Wave(_Value):
    """Teams that are upgraded together."""

    name: Name
    """Name of the wave, for plans and reports."""
    teams: list[Name] = Field(default_factory=list)
    """These teams, by name."""
    percent: int | None = Field(default=None, ge=1, le=100)
    """This share of the teams that are in no earlier wave."""

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Wave:
        if bool(self.teams) == (self.percent is not None):
            raise ValueError("a wave names `teams` or a `percent`, and not both")
        return self


class IgnoreRule(_Value):
    """Drift that is known, and let be for a time: what matches all patterns (`*`, `?`) is hidden."""

    address: NonEmpty
    """Pattern of the address of the thing, as `fleet drift` shows it."""
    field: NonEmpty = "*"
    """Pattern of the field."""
    team: NonEmpty = "*"
    """Pattern of the team's name; `platform` for what the teams share."""
    layer: Literal["terraform", "helm", "database", "sso", "orphans"] | None = None
    """Only what this layer tells."""
    reason: NonEmpty
    """Why it is let be."""
    owner: NonEmpty
    """Who decided it: an e-mail address or a group."""
    until: Annotated[str, AfterValidator(_date)]
    """The last day on which it is hidden, in UTC: `"2027-01-31"`, in quotes. A rule that has ended is a finding itself."""

    @property
    def last_day(self) -> date:
        """``until``, typed."""
        return date.fromisoformat(self.until)


class Drift(_Value):
    """What `fleet drift` makes of what it finds."""

    ignore: list[IgnoreRule] = Field(default_factory=list)
    """Findings that are let be, each for a reason and a time."""


class Inventory(_Value):
    """The whole of one `tenants.yaml`."""

    version: Annotated[Literal[1], BeforeValidator(_no_boolean)]
    """Version of this format."""
    platform: Platform
    """What the instances share."""
    defaults: Defaults = Defaults()
    """What a team gets where it says nothing."""
    sizes: dict[Name, Size] = Field(default_factory=dict)
    """Sizes of your own, beside or instead of the built-in `small`, `medium` and `large`."""
    waves: list[Wave] = Field(default_factory=list)
    """The order in which `fleet upgrade` goes; teams in no wave come last."""
    teams: dict[Name, Team] = Field(default_factory=dict)
    """The teams, by name."""
    instances: dict[Name, SharedInstance] = Field(default_factory=dict)
    """Shared instances."""
    drift: Drift = Drift()
    """What `fleet drift` makes of what it finds."""

    @property
    def entries(self) -> dict[str, Deployment]:
        """Every instance's entry, shared ones first."""
        return {**self.instances, **self.teams}

    def place(self, name: str) -> tuple[str, str]:
        """Where an instance's entry stands, as a key path."""
        return ("teams" if name in self.teams else "instances", name)
