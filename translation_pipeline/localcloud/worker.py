"""One worker process: reads orders as JSON lines from standard input, answers on standard output.

Started by `worker_process.WorkerProcess` as the leader of its own process group. When standard
input closes, the server is gone (stopped, or killed): the whole group ends at once, so that no
encoder goes on working for nobody.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import traceback
from importlib import import_module
from typing import Any, NoReturn, TextIO

from translation_pipeline.localcloud.engine.errors import JobFailed

NICENESS = 5  # the web server and the caller's own work come first


def main() -> NoReturn:
    """Answer orders until standard input closes."""
    os.nice(NICENESS)
    orders_in, answers_out = _private_streams()
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(orders_in, orders), daemon=True).start()
    while True:
        answer = run(json.loads(orders.get()))
        answers_out.write(json.dumps(answer) + "\n")
        answers_out.flush()


def run(order: dict[str, Any]) -> dict[str, Any]:
    """The answer to one order: what its function returns, or `{"error": {code, message}}`."""
    try:
        module, _, name = order["function"].partition(":")
        answer: dict[str, Any] = getattr(import_module(module), name)(order)
    except JobFailed as failure:
        return {"error": {"code": failure.code, "message": failure.message}}
    except Exception as error:
        traceback.print_exc()
        message = f"The job stopped with an unexpected {type(error).__name__}: {error}"
        return {"error": {"code": "InternalError", "message": message}}
    return answer


def _private_streams() -> tuple[TextIO, TextIO]:
    """Standard input and output for orders alone: programs and libraries get other ones."""
    orders_in = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers_out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with open(os.devnull) as nothing:  # noqa: PTH123  (a device, not a file)
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return orders_in, answers_out


def _read_orders(orders_in: TextIO, orders: queue.SimpleQueue[str]) -> None:
    for line in orders_in:
        orders.put(line)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
