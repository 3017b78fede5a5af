"""fleet: an Apache Airflow for every team, kept by one inventory."""

__version__ = "0.1.0"
