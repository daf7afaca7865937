"""`translation-pipeline demo`: the sample title, translated for real on the embedded cloud."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.cli.local_home import LocalHome, cloud_config
from translation_pipeline.cli.output import Steps, err, steps
from translation_pipeline.errors import ConfigurationError, TranslationPipelineError
from translation_pipeline.ledger.models import Job, Wanted
from translation_pipeline.ledger.totals import work_s
from translation_pipeline.localcloud.process import running_server
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import EXTRACTION, TRANSLATION
from translation_pipeline.sample_title import CATALOG, EPISODES, TITLE, Episode
from translation_pipeline.settings import Settings
from translation_pipeline.stages.delivery import sidecar_of
from translation_pipeline.stages.review import approved_address

if TYPE_CHECKING:
    import dagster as dg

# Dagster's lines go to its event log, which the UI shows, and not between the progress bars.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class DemoVideo:
    """One line of the result: what was found in one video and language, and how long it took."""

    source_key: str
    output_key: str
    language: str
    cues_read: int
    cues_translated: int
    seconds: dict[str, float] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)
    file: str = ""


# The scenarios of the service's guide, as lines of the catalog file's rule.
PROVIDED_SRT = "incoming/{title}/{video}.srt"
SCENARIOS: dict[int, dict[str, str]] = {
    1: {"captions": "direct"},
    2: {"captions": "review"},
    3: {"captions": "provided", "provided_srt": f'"{PROVIDED_SRT}"', "provided_srt_is": "source"},
    4: {"captions": "provided", "provided_srt": f'"{PROVIDED_SRT}"', "provided_srt_is": "source"},
}
LEVEL_OF_SCENARIO = {3: "subtitle", 4: "speech"}


def run_demo(
    home: LocalHome,
    languages: Sequence[str],
    *,
    level: str | None = None,
    scenario: int = 2,
    episodes: int = len(EPISODES),
    keep: bool,
) -> list[DemoVideo]:
    """Translate the sample title into `languages`; returns a line per video and language.

    At the level `speech` the videos are dubbed, too. The scenarios are those of the service's
    guide: 1 direct, 2 reviewed captions, 3 and 4 provided captions for subtitles and for speech.
    Only the first `episodes` are uploaded.

    Without `keep` the home starts empty. Raises `TranslationPipelineError` when something failed.
    """
    level = _level(level, scenario)
    if not keep:
        shutil.rmtree(home.path, ignore_errors=True)
    home.prepare()
    decisions = {"level": level, "target_languages": f"[{', '.join(languages)}]"}
    _write_catalog(home, {**decisions, **SCENARIOS[scenario]})
    with steps() as progress, running_server(cloud_config(home)) as cloud:
        progress.show("start the embedded cloud", 1, 1)
        os.environ.update(home.environment(cloud))
        return _Demo(home, languages, EPISODES[:episodes], progress).run()


def _level(level: str | None, scenario: int) -> str:
    if scenario not in SCENARIOS:
        raise ConfigurationError(f"There is no scenario {scenario}. Choose 1, 2, 3 or 4.")
    fixed = LEVEL_OF_SCENARIO.get(scenario)
    if fixed and level not in (None, fixed):
        raise ConfigurationError(
            f"Scenario {scenario} is of level {fixed}. Leave --level out, or choose another one."
        )
    return level or fixed or "subtitle"


class _Demo:
    """The steps of all scenarios, one method each; what a scenario does not need is left out."""

    def __init__(
        self,
        home: LocalHome,
        languages: Sequence[str],
        episodes: Sequence[Episode],
        progress: Steps,
    ) -> None:
        import dagster as dg

        self._home = home
        self._languages = languages
        self._episodes = episodes
        self._progress = progress
        self._upload_s: dict[str, float] = {}
        self._review_s: dict[str, float] = {}
        self.pipeline = Pipeline.from_settings(Settings.from_environment())
        self._instance = dg.DagsterInstance.get()

    def run(self) -> list[DemoVideo]:
        import dagster as dg

        from translation_pipeline.defs.partitions import LANGUAGE, add_titles
        from translation_pipeline.defs.partitions import TITLE as TITLE_DIMENSION

        self._upload()
        add_titles(self._instance, self.pipeline.catalog, [TITLE])
        captions = self.pipeline.catalog.titles[0].captions
        if captions == "review":
            self._materialize(["source_videos", "extracted_captions"], TITLE, EXTRACTION)
            self._approve()
        else:
            self._materialize(["source_videos"], TITLE, None)
        if captions != "direct":
            self._materialize(["reviewed_captions"], TITLE, None)
        for language in self._languages:
            cell = dg.MultiPartitionKey({TITLE_DIMENSION: TITLE, LANGUAGE: language})
            self._materialize(["translated_videos"], cell, TRANSLATION)
        return self._results()

    def _upload(self) -> None:
        storage, catalog = self.pipeline.storage, self.pipeline.catalog
        for bucket in (catalog.bucket, catalog.output_bucket):
            storage.create_bucket(bucket)
        rule = catalog.titles[0]
        for number, episode in enumerate(self._episodes, start=1):
            key = rule.match.render(title=TITLE, video=episode.name)
            if rule.provided_srt is not None:
                srt = rule.provided_srt.render(title=TITLE, video=episode.name)
                storage.put(ObjectAddress(catalog.bucket, srt), episode.truth.read_bytes())
            started = time.monotonic()
            storage.upload_file(episode.video, ObjectAddress(catalog.bucket, key))
            self._upload_s[episode.name] = time.monotonic() - started
            self._progress.show("upload", number, len(self._episodes))

    def _approve(self) -> None:
        """What a person does at their desk, done without looking: good enough for a demo."""
        storage = self.pipeline.storage
        extracted = [
            row for row, _ in self.pipeline.inventory.wanted([TITLE]) if row.kind == EXTRACTION
        ]
        for number, row in enumerate(extracted, start=1):
            started = time.monotonic()
            storage.copy(
                ObjectAddress(row.output_bucket, row.output_key),
                approved_address(self.pipeline, row.title, row.video),
            )
            self._review_s[row.video] = time.monotonic() - started
            self._progress.show(
                "review", number, len(extracted), "(the demo approves without a look)"
            )

    def _materialize(self, assets: list[str], partition: str, kind: str | None) -> None:
        from translation_pipeline.definitions import defs

        job = defs.resolve_implicit_global_asset_job_def()
        name = assets[-1].replace("_", " ")
        if isinstance(partition, tuple) or "|" in partition:
            name += f" ({partition.split('|')[0]})"
        with _watching(self.pipeline, kind, name, self._progress):
            result = job.execute_in_process(
                instance=self._instance,
                asset_selection=self._asset_keys(assets),
                partition_key=partition,
                run_config=QUIET,
                raise_on_error=False,
            )
        if not result.success:
            raise TranslationPipelineError(_reasons(result))
        self._progress.show(name, len(self._episodes), len(self._episodes))

    @staticmethod
    def _asset_keys(names: list[str]) -> list[dg.AssetKey]:
        import dagster as dg

        return [dg.AssetKey(name) for name in names]

    def _results(self) -> list[DemoVideo]:
        wanted = self.pipeline.inventory.wanted([TITLE])
        extractions = {row.video: job for row, job in wanted if row.kind == EXTRACTION}
        read = {row.video: row.cue_count for row in self.pipeline.inventory.captions([TITLE])}
        sources = {video.video: video.key for video in self.pipeline.inventory.videos([TITLE])}
        lines = []
        for row, job in wanted:
            if row.kind != TRANSLATION or row.language not in self._languages or job is None:
                continue
            lines.append(
                DemoVideo(
                    source_key=sources[row.video],
                    output_key=row.output_key,
                    language=row.language,
                    cues_read=read.get(row.video, 0),
                    cues_translated=(row.facts or {}).get("cues") or 0,
                    seconds={
                        "upload": round(self._upload_s.get(row.video, 0.0), 2),
                        "extraction": _duration_s(extractions.get(row.video)),
                        "review": round(self._review_s.get(row.video, 0.0), 2),
                        "translation": _duration_s(job),
                    },
                    checks=_checks(self.pipeline, row),
                    file=str(self._fetch(row)),
                )
            )
        return lines

    def _fetch(self, row: Wanted) -> Path:
        """Bring the video and its captions to a folder where a person can open them."""
        output = ObjectAddress(row.output_bucket, row.output_key)
        folder = self._home.path / "results"
        folder.mkdir(exist_ok=True)
        video = folder / f"{row.video}.{row.language}.mp4"
        self.pipeline.storage.download_file(output, video)
        self.pipeline.storage.download_file(sidecar_of(output), video.with_suffix(".srt"))
        return video


def demo_json(videos: Sequence[DemoVideo]) -> dict[str, Any]:
    """The object that `--json` prints as its last line."""
    return {"videos": [asdict(video) for video in videos]}


def _write_catalog(home: LocalHome, decisions: Mapping[str, str]) -> None:
    """The sample's catalog file with these decisions, in place of what it says of them or below."""
    text = CATALOG.read_text("utf-8")
    for name, value in decisions.items():
        line = f"    {name}: {value}"
        text, found = re.subn(rf"^ +{name}:.*$", line, text, flags=re.MULTILINE)
        if not found:
            text = f"{text.rstrip()}\n{line}\n"
    home.catalog.write_text(text, "utf-8")


@contextmanager
def _watching(pipeline: Pipeline, kind: str | None, name: str, progress: Steps) -> Iterator[None]:
    """Show from the ledger, while a run works, how many of its jobs are done."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            rows = [row for row, _ in pipeline.inventory.wanted([TITLE]) if row.kind == kind]
            if rows:
                done = sum(row.delivered_at is not None for row in rows)
                progress.show(name, done, len(rows))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _duration_s(job: Job | None) -> float:
    return round(work_s(job) or 0.0, 2) if job else 0.0


def _checks(pipeline: Pipeline, row: Wanted) -> dict[str, bool]:
    """Each check's answer for one video: no finding names it."""
    from translation_pipeline.defs.checks import QUESTIONS

    answers: dict[str, bool] = {}
    for (_, name), question in QUESTIONS.items():
        findings = question(pipeline).findings
        good = not any(finding.get("video", row.video) == row.video for finding in findings)
        answers[name] = answers.get(name, True) and good
    return answers


def _reasons(result: dg.ExecuteInProcessResult) -> str:
    failures = [
        event.step_failure_data.error.message
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.error
    ]
    return "\n".join(failures) or "A run failed; `translation-pipeline dev` shows why."


def show_results(home: LocalHome, videos: Sequence[DemoVideo], seconds: float) -> None:
    """The table at the end, and how to go on."""
    from translation_pipeline.cli.output import print_table

    rows = [
        {
            "video": Path(video.source_key).name,
            "language": video.language,
            "cues read": video.cues_read,
            "cues translated": video.cues_translated,
            **{f"{step} s": value for step, value in video.seconds.items()},
            "checks": "passed" if all(video.checks.values()) else "FAILED",
            "file": video.file,
        }
        for video in videos
    ]
    print_table(rows, list(rows[0]) if rows else [])
    err.print(f"\nDone in {seconds:.0f} s. The videos and their SRTs are in {home.path}/results.")
    err.print(
        f"To see assets, runs and checks: translation-pipeline dev --home {home.path}",
        style="bold",
    )
