"""The door for people: after sign-on, the Airflows that this person may enter and how they are; nothing of the others.

settings    environment → Settings
signon      OpenID Connect with Keycloak: code flow with PKCE
sessions    who is signed in, in memory
fleet       what was applied, from the records in the cluster
health      how an Airflow is, from the Airflow itself
pages       values → HTML
app         the routes
"""
