"""What Celery's workers need besides CELERY_BROKER_URL and CELERY_RESULT_BACKEND.

dagster-celery reads this module when it is on PYTHONPATH.
"""

# One task is one whole run: it may last a day, and nobody else may start it meanwhile.
task_acks_late = False
worker_prefetch_multiplier = 1
# A run waits for a free process on any machine, never behind a long run on one of them.
worker_disable_prefetch = True
# Each run reads code and catalog file anew, and gives its memory back.
worker_max_tasks_per_child = 1
# Longer than a run may last (max_runtime_seconds in dagster.yaml), or its state is forgotten.
result_expires = 3 * 86_400
# A broker that restarts is waited for.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
