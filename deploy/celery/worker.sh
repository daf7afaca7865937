#!/bin/sh
# A Celery worker that can do any run: `deploy/celery/worker.sh [further options of celery worker]`.
# Needs DAGSTER_HOME (with the dagster.yaml beside this file), DAGSTER_POSTGRES_URL,
# CELERY_BROKER_URL, CELERY_RESULT_BACKEND, and the settings of the product.
# RUNS_AT_ONCE is the number of runs of this machine; each holds about 140 MB.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
exec celery -A dagster_celery.app worker --pool prefork --concurrency "${RUNS_AT_ONCE:-2}" \
  --queues dagster --loglevel info "$@"
