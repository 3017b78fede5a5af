"""Takes a job type (SchedulerJob, DagProcessorJob, TriggererJob), exits 0 when this pod's job has beaten lately.

Asks the database what `airflow jobs check --local` asks, in a tenth of a second instead of three to five of CPU time.
"""

import os
import re
import socket
import sys

try:
    import psycopg2 as driver
except ImportError:  # Airflow's PostgreSQL provider is on its way from psycopg2 to psycopg.
    import psycopg as driver

# Airflow calls a scheduler unhealthy after 30 s without a beat; a restart needs more certainty than a warning.
TOLERANCE_SECONDS = 120
QUERY = """
    SELECT count(*) FROM job
    WHERE job_type = %s AND state = 'running' AND hostname = ANY(%s)
      AND latest_heartbeat > now() - make_interval(secs => %s)
"""


def main(job_type: str) -> None:
    url = re.sub(r"^postgresql\+\w+:", "postgresql:", os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    name = socket.gethostname()
    names = [name, socket.getfqdn(), socket.gethostbyname(name)]
    connection = driver.connect(url, connect_timeout=5)
    try:
        with connection.cursor() as cursor:
            cursor.execute(QUERY, (job_type, names, TOLERANCE_SECONDS))
            alive = cursor.fetchone()[0]
    finally:
        connection.close()
    if not alive:
        sys.exit(f"no {job_type} on {name} has beaten for {TOLERANCE_SECONDS} s")


main(sys.argv[1])
