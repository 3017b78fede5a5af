"""A local Cloud SQL Admin API (v1beta4, REST): takes Google's requests, does the work on the sandbox's PostgreSQL, never
pretends: an export is a real dump, an import a real restore. A folder stands for Cloud Storage, with the few methods of its
JSON API that go with it.

Paths and forms: https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4 and
https://cloud.google.com/storage/docs/json_api/v1.
"""
