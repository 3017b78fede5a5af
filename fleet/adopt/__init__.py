"""Takes an Airflow that was installed by hand into the fleet: `look` (what is there), `proposal` (the entry that would
describe it), `refusals` (what stands against it), `carry` (doing it). None of them restarts a pod (ADR 0094)."""
