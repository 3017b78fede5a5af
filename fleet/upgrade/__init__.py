"""Moves instances to another Airflow, in waves that stop by themselves."""
