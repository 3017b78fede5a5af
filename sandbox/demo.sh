#!/usr/bin/env bash
# The tour of `make demo`: a platform, two teams, a DAG run in each, the fleet's status. Can be run again at any time.
# It works on a copy of tenants.yaml in .demo/, so that the checkout stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

export FLEET_INVENTORY="$PWD/.demo/tenants.yaml"
dags="$PWD/images/airflow/demo/dags"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '\033[36m$ %s\033[0m\n' "$*"; "$@"; }

say "1. A platform on this machine: Kubernetes, PostgreSQL, Keycloak, a front"
run fleet sandbox up
eval "$(fleet sandbox env)"
mkdir -p .demo
[ -f "$FLEET_INVENTORY" ] || cp tenants.yaml "$FLEET_INVENTORY"

say "2. DAGs: marketing's are part of its image, finance's come from a git repository"
run fleet sandbox image fleet.local/marketing:1 --dags "$dags"
repository="$FLEET_SANDBOX_GIT_ROOT/finance.git"
if [ ! -d "$repository" ]; then
    git init --quiet --bare --initial-branch main "$repository"
    work=$(mktemp -d)
    git clone --quiet "$repository" "$work" 2>/dev/null
    cp -r "$dags" "$work/dags"
    git -C "$work" add .
    git -C "$work" -c user.name=finance -c user.email=finance@example.com commit --quiet --message "Add the first DAG"
    git -C "$work" push --quiet origin HEAD:main
    rm -rf "$work"
fi

say "3. Two teams, one command each"
team() { # add it, or on a second tour bring it up to date
    if grep -q "^  $1:" "$FLEET_INVENTORY"; then run fleet apply "$1" --yes; else run fleet add-team "$@" --yes; fi
}
team marketing --owner marketing@example.com --image fleet.local/marketing:1 --dags baked
team finance --owner finance@example.com --dags "$FLEET_SANDBOX_GIT/finance.git" --dags-path dags

say "4. A DAG run in each; every task gets a pod of its own"
airflow() { kubectl --namespace "airflow-$1" exec deployment/airflow-scheduler --container scheduler -- airflow "${@:2}"; }
# Airflow's own log lines may stand before the JSON.
state_of='import json, sys
runs = json.loads("[{" + sys.stdin.read().partition("[{")[2])
print({run["run_id"]: run["state"] for run in runs}.get(sys.argv[1], "missing"))'
for team in marketing finance; do
    run_id="demo-$(date +%s)"
    printf '\033[36m$ airflow dags trigger fleet_hello --run-id %s   # in %s\033[0m\n' "$run_id" "$team"
    # Each question starts Airflow's command line, which takes from those that are to answer: not often.
    for _ in $(seq 30); do # a git repository's DAGs take a moment to be found
        if airflow "$team" dags trigger fleet_hello --run-id "$run_id" >/dev/null 2>.demo/trigger.log; then break; fi
        sleep 5
    done
    state=queued
    for _ in $(seq 60); do
        state=$(airflow "$team" dags list-runs fleet_hello --output json 2>/dev/null |
            python3 -c "$state_of" "$run_id") || state=queued # it did not answer
        case $state in success | failed | missing) break ;; esac
        sleep 5
    done
    printf '%s: fleet_hello %s: %s\n' "$team" "$run_id" "$state"
    [ "$state" = success ] || { cat .demo/trigger.log; exit 1; }
    kubectl --namespace "airflow-$team" get events --field-selector reason=Started --output \
        'custom-columns=POD:.involvedObject.name,WHAT:.message' | grep -E 'POD|fleet-hello'
done

say "5. The fleet"
run fleet status

cat <<END

To look around in this shell:
  eval "\$(fleet sandbox env)"; export FLEET_INVENTORY=$FLEET_INVENTORY
  fleet status marketing            fleet logs finance --component scheduler
  fleet open marketing              # https://marketing.fleet.localhost/; its certificate authority: \$FLEET_SANDBOX_CA
To take it down:
  fleet sandbox down                # keeps the data; with --purge nothing stays
(fleet is .venv/bin/fleet)
END
