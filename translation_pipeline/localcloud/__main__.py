"""`python -m translation_pipeline.localcloud`: serves the stand-in cloud until it is stopped."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from translation_pipeline.localcloud.config import DEFAULT_ACCESS_KEYS, LocalCloudConfig
from translation_pipeline.localcloud.faults import FaultPlan, FaultPlanError
from translation_pipeline.localcloud.index import FolderInUseError
from translation_pipeline.localcloud.process import LISTENING
from translation_pipeline.localcloud.server import serve

EXIT_WRONG_USE = 2


def main(arguments: list[str] | None = None) -> int:
    """Serve; prints one line with the address when requests are answered."""
    options = _parser().parse_args(arguments)
    try:
        config = LocalCloudConfig(
            data_dir=options.data_dir,
            host=options.host,
            port=options.port,
            region=options.region,
            access_keys=dict(options.access_key or DEFAULT_ACCESS_KEYS),
            workers=options.workers,
            instant=options.instant,
            instant_duration_s=tuple(options.instant_duration_s),
            faults=options.faults,
        )
    except FaultPlanError as error:
        print(error, file=sys.stderr)
        return EXIT_WRONG_USE
    if options.until_eof:
        threading.Thread(target=_stop_at_eof, daemon=True).start()
    try:
        serve(config, ready=lambda url: print(f"{LISTENING}{url}", flush=True))
    except FolderInUseError as error:
        print(error, file=sys.stderr)
        return EXIT_WRONG_USE
    except OSError as error:
        print(f"cannot listen on {config.host}:{config.port}: {error}", file=sys.stderr)
        return EXIT_WRONG_USE
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = LocalCloudConfig(data_dir=Path())
    parser = argparse.ArgumentParser(prog="localcloud", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="objects and jobs live here")
    parser.add_argument("--host", default=defaults.host, help="address to listen on")
    parser.add_argument("--port", type=int, default=defaults.port, help="0 takes a free one")
    parser.add_argument("--region", default=defaults.region, help="the region to stand in for")
    parser.add_argument(
        "--access-key",
        type=_access_key,
        action="append",
        metavar="ID=SECRET",
        help="a key that is believed; may be repeated (default: localcloud=localcloud-secret)",
    )
    parser.add_argument(
        "--workers", type=int, default=defaults.workers, help="processes for media work"
    )
    parser.add_argument(
        "--instant", action="store_true", help="copy instead of media work, for load tests"
    )
    parser.add_argument(
        "--instant-duration-s",
        type=float,
        nargs=2,
        metavar=("MIN", "MAX"),
        default=defaults.instant_duration_s,
        help="how long a job takes with --instant, the same for the same job (default: 0 0)",
    )
    parser.add_argument(
        "--faults",
        type=_fault_plan,
        metavar="FILE",
        default=defaults.faults,
        help="what goes wrong on purpose: a JSON file as in faults.py",
    )
    parser.add_argument(
        "--until-eof", action="store_true", help="stop also when standard input ends"
    )
    return parser


def _access_key(text: str) -> tuple[str, str]:
    access_key_id, equals, secret = text.partition("=")
    if not (access_key_id and equals and secret):
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=SECRET")
    return access_key_id, secret


def _fault_plan(path: str) -> FaultPlan:
    try:
        return FaultPlan.parse(Path(path).read_bytes())
    except (OSError, FaultPlanError) as error:
        raise argparse.ArgumentTypeError(f"{path}: {error}") from None


def _stop_at_eof() -> None:
    """A server whose starter has died, however that came, must not stay behind."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
