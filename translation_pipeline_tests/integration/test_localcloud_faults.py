"""Every fault of the stand-in cloud as the real SDKs see it, and what the cloud's books say."""

from __future__ import annotations

import asyncio
import errno
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import oss2
import pytest
from alibabacloud_ice20201109 import models
from alibabacloud_tea_openapi.exceptions import (
    ClientException,
    ServerException,
    ThrottlingException,
)
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions

from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.blobs import BlobFolder
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.faults import FaultPlan, FaultPlanError
from translation_pipeline.localcloud.instant_jobs import InstantEngine
from translation_pipeline.localcloud.job_store import JobStore
from translation_pipeline.localcloud.jobs import JobKind, JobOrder, JobState
from translation_pipeline.localcloud.media_assets import MediaAssets
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.process import (
    RunningServer,
    running_server,
    start_server,
)
from translation_pipeline_tests.integration.ims_client import (
    KEY_ID,
    RESULTS,
    SECRET,
    SOURCE,
    VIDEO_KEY,
    Ims,
    editing,
    https,
    until,
)

SUBMITS = ("SubmitVideoTranslationJob", "SubmitIProductionJob")
TRANSLATIONS, CAPTIONS = "video_translation", "caption_extraction"


def results(server: RunningServer) -> oss2.Bucket:
    return oss2.Bucket(oss2.Auth(KEY_ID, SECRET), server.endpoint, RESULTS)


def fill_buckets(server: RunningServer) -> None:
    auth = oss2.Auth(KEY_ID, SECRET)
    for name in (SOURCE, RESULTS):
        oss2.Bucket(auth, server.endpoint, name).create_bucket()
    oss2.Bucket(auth, server.endpoint, SOURCE).put_object(VIDEO_KEY, "no real video")


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    config = LocalCloudConfig(tmp_path_factory.mktemp("localcloud"), instant=True)
    with running_server(config) as server:
        fill_buckets(server)
        yield server


@pytest.fixture
def server(shared_server: RunningServer) -> RunningServer:
    shared_server.control.put_faults(FaultPlan())
    return shared_server


@pytest.fixture
def ims(server: RunningServer) -> Ims:
    return Ims(server.port)


class Script:
    """Puts a plan, and tells by how much the books grew since then."""

    def __init__(self, server: RunningServer, *faults: dict[str, Any]) -> None:
        self._control = server.control
        self._before = self._control.account()
        self._control.put_faults({"faults": faults})

    def accepted(self, kind: str = TRANSLATIONS) -> int:
        now = self._control.account()
        return int(now["kinds"][kind]["accepted"] - self._before["kinds"][kind]["accepted"])

    def dealt(self, label: str) -> int:
        now = self._control.account()
        return int(now["faults"].get(label, 0) - self._before["faults"].get(label, 0))

    def requests(self, action: str) -> int:
        now = self._control.account()
        return int(now["requests"].get(action, 0) - self._before["requests"].get(action, 0))


def submit(ims: Ims, kind: str) -> str:
    return ims.translate() if kind == TRANSLATIONS else ims.extract()


class TestRefusals:
    @pytest.mark.parametrize(
        ("fault", "code", "status"),
        [
            ({}, "Throttling.User", 400),
            ({"code": "Throttling", "status": 429}, "Throttling", 429),
        ],
    )
    def test_throttling_without_a_time(
        self, server: RunningServer, ims: Ims, fault: dict[str, Any], code: str, status: int
    ) -> None:
        script = Script(server, {"kind": "throttling", **fault})
        with pytest.raises(ClientException) as caught:
            ims.translate()
        assert not isinstance(caught.value, ThrottlingException)
        assert (caught.value.code, caught.value.status_code) == (code, status)
        assert caught.value.request_id
        assert (script.accepted(), script.dealt("throttling")) == (0, 1)

    def test_throttling_with_a_time(self, server: RunningServer, ims: Ims) -> None:
        Script(server, {"kind": "throttling", "retry_after_ms": 1500})
        with pytest.raises(ThrottlingException) as caught:
            ims.listed()
        assert (caught.value.code, caught.value.retry_after) == ("Throttling.User", 1500)

    @pytest.mark.parametrize(
        ("code", "status"), [("InternalError", 500), ("ServiceUnavailable", 503)]
    )
    @pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
    @pytest.mark.parametrize("kind", [TRANSLATIONS, CAPTIONS])
    def test_server_error(
        self,
        server: RunningServer,
        ims: Ims,
        code: str,
        status: int,
        when: str,
        accepted: int,
        kind: str,
    ) -> None:
        script = Script(
            server, {"kind": "server_error", "when": when, "code": code, "status": status}
        )
        with pytest.raises(ServerException) as caught:
            submit(ims, kind)
        assert (caught.value.code, caught.value.status_code) == (code, status)
        assert script.accepted(kind) == accepted
        assert script.dealt(f"server_error_{when}") == 1

    @pytest.mark.parametrize("status", [502, 200])
    @pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
    def test_page_in_place_of_json(
        self, server: RunningServer, ims: Ims, status: int, when: str, accepted: int
    ) -> None:
        script = Script(server, {"kind": "html_error", "when": when, "status": status})
        with pytest.raises(UnretryableException):
            ims.translate()
        assert script.accepted() == accepted

    def test_clock_skew_spares_nobody_until_it_is_over(
        self, server: RunningServer, ims: Ims
    ) -> None:
        script = Script(server, {"kind": "clock_skew", "offset_s": -1200, "times": 2})
        for call in (ims.translate, ims.listed):
            with pytest.raises(ClientException) as caught:
                call()
            assert caught.value.code == "InvalidTimeStamp.Expired"
        assert ims.translate()
        assert script.accepted() == 1

    def test_rights_that_are_denied(self, server: RunningServer, ims: Ims) -> None:
        script = Script(
            server,
            {"kind": "refusal", "actions": ["ice:SubmitVideoTranslationJob"], "times": 1},
            {"kind": "refusal", "actions": ["oss:GetObject"], "bucket": SOURCE},
            {
                "kind": "refusal",
                "actions": ["oss:PutObject"],
                "bucket": RESULTS,
                "endpoint": "oss-cn-beijing.aliyuncs.com",
            },
        )
        with pytest.raises(ClientException) as caught:
            ims.translate()
        assert (caught.value.code, caught.value.status_code) == ("NoPermission", 403)
        assert ims.translate(target=https(RESULTS, "allowed.mp4"))
        source = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), server.endpoint, SOURCE)
        for read in (source.get_object, source.head_object):
            with pytest.raises(oss2.exceptions.AccessDenied):
                read(VIDEO_KEY)
        source.put_object("allowed", b"")
        with pytest.raises(oss2.exceptions.AccessDenied) as elsewhere:
            results(server).put_object("denied", b"")
        assert elsewhere.value.details["Endpoint"] == "oss-cn-beijing.aliyuncs.com"
        assert (script.accepted(), script.dealt("refusal")) == (1, 4)


class TestConnections:
    @pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
    @pytest.mark.parametrize("kind", [TRANSLATIONS, CAPTIONS])
    def test_dropped(
        self, server: RunningServer, ims: Ims, when: str, accepted: int, kind: str
    ) -> None:
        script = Script(server, {"kind": "drop", "when": when, "times": 1})
        with pytest.raises(UnretryableException) as caught:
            submit(ims, kind)
        assert "RetryError" in type(caught.value.inner_exception).__name__
        assert script.accepted(kind) == accepted, "and nobody sent it again"
        submit(ims, kind)
        assert script.accepted(kind) == accepted + 1

    @pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
    async def test_dropped_as_the_asynchronous_sdk_sees_it(
        self, server: RunningServer, ims: Ims, when: str, accepted: int
    ) -> None:
        script = Script(server, {"kind": "drop", "when": when, "times": 1})
        request = models.SubmitVideoTranslationJobRequest(
            input_config=json.dumps({"Type": "Video", "Video": https(SOURCE, VIDEO_KEY)}),
            output_config=json.dumps({"MediaURL": https(RESULTS, "async.mp4")}),
            editing_config=json.dumps(editing()),
        )
        with pytest.raises(UnretryableException):
            await ims.client.submit_video_translation_job_async(request)
        assert await asyncio.to_thread(script.accepted) == accepted

    @pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
    def test_slow_answers_run_into_the_timeout_of_the_caller(
        self, server: RunningServer, ims: Ims, when: str, accepted: int
    ) -> None:
        script = Script(server, {"kind": "slow", "when": when, "delay_s": 1.0, "times": 1})
        request = models.ListSmartJobsRequest()
        begin = time.monotonic()
        with pytest.raises(UnretryableException):
            ims.client.list_smart_jobs_with_options(request, RuntimeOptions(read_timeout=200))
        assert time.monotonic() - begin < 0.9
        Script(server, {"kind": "slow", "when": when, "delay_s": 0.3, "times": 1})
        begin = time.monotonic()
        ims.translate()
        assert time.monotonic() - begin > 0.3
        assert script.accepted() == 1

    def test_calls_of_oss_fail_where_they_are_named(self, server: RunningServer) -> None:
        bucket = results(server)
        bucket.put_object("kept.txt", "kept")
        script = Script(
            server,
            {"kind": "drop", "actions": ["OSS.HEAD"], "times": 1},
            {"kind": "html_error", "status": 503, "actions": ["OSS.GET"], "times": 1},
            {"kind": "drop", "when": "after", "actions": ["OSS.PUT"], "times": 1},
        )
        with pytest.raises(oss2.exceptions.RequestError):
            bucket.head_object("kept.txt")
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            bucket.get_object("kept.txt")
        assert caught.value.status == 503
        with pytest.raises(oss2.exceptions.RequestError):
            bucket.put_object("lost answer.txt", "stored")
        assert bucket.get_object("lost answer.txt").read() == b"stored"
        assert script.requests("OSS.PUT") == 1


class TestSubmits:
    def test_an_ignored_token_starts_a_second_job(self, server: RunningServer, ims: Ims) -> None:
        target = https(RESULTS, "ignored token.mp4")
        script = Script(server, {"kind": "ignored_token", "times": 1})
        first, second, third = (
            ims.translate(target=target, client_token="ignored", user_data="mine") for _ in range(3)
        )
        assert first != second
        assert third == first, "a token belongs to the job that it started"
        assert (script.accepted(), script.dealt("ignored_token")) == (2, 1)
        account = server.control.account()["kinds"][TRANSLATIONS]
        assert second in account["duplicate_job_ids_by_output"]
        assert second in account["duplicate_job_ids_by_user_data"]
        assert second in account["duplicate_job_ids_by_content"]

    def test_an_accepted_job_without_its_id(self, server: RunningServer, ims: Ims) -> None:
        script = Script(server, {"kind": "no_job_id"})
        assert ims.extract() == "None"
        assert ims.translate() == "None"
        assert (script.accepted(), script.accepted(CAPTIONS)) == (1, 1)

    def test_the_next_submit_alone_is_struck(self, server: RunningServer, ims: Ims) -> None:
        script = Script(
            server,
            {"kind": "drop", "when": "after", "actions": ["SubmitIProductionJob"], "times": 1},
        )
        ims.translate()
        ims.listed()
        with pytest.raises(UnretryableException):
            ims.extract()
        ims.extract()
        assert (script.accepted(), script.accepted(CAPTIONS)) == (1, 2)
        assert script.requests("SubmitIProductionJob") == 2


class TestLists:
    def test_a_new_job_is_listed_later(self, server: RunningServer, ims: Ims) -> None:
        Script(server, {"kind": "list_delay", "delay_s": 0.5, "times": 1})
        begin = time.monotonic()
        late, early = ims.translate(), ims.translate()
        listed = [job.job_id for job in ims.listed(max_results=2).smart_job_list]
        assert listed[0] == early
        assert late not in listed
        assert ims.smart_job(late).job_id == late, "reading it by id works at once"
        until(lambda: ims.listed(max_results=2).smart_job_list[1].job_id, lambda top: top == late)
        assert time.monotonic() - begin > 0.4

    @pytest.mark.parametrize(
        ("by", "second_page"), [(2, slice(1, 4)), (-2, slice(5, 8)), (None, slice(3, 6))]
    )
    def test_pages_shift(
        self, server: RunningServer, ims: Ims, by: int | None, second_page: slice
    ) -> None:
        newest_first = [ims.translate() for _ in range(9)][::-1]
        if by is not None:
            Script(server, {"kind": "shifted_list", "by": by, "times": 1})
        first = ims.listed(max_results=3)
        assert [job.job_id for job in first.smart_job_list] == newest_first[:3]
        second = ims.listed(max_results=3, next_token=first.next_token)
        assert [job.job_id for job in second.smart_job_list] == newest_first[second_page]


class TestJobs:
    def test_unknown_words_for_some_reads_and_for_ever(
        self, server: RunningServer, ims: Ims
    ) -> None:
        Script(server, {"kind": "unknown_status", "word": "Paused", "reads": 2, "times": 1})
        some = ims.translate()
        assert ims.smart_job(some).state == "Paused"
        assert ims.listed(max_results=1).smart_job_list[0].job_state == "Paused"
        assert ims.ended_smart_job(some).state == "Finished"
        Script(server, {"kind": "unknown_status", "word": "Paused"})
        ever = ims.extract()
        assert {ims.caption_job(ever).status for _ in range(10)} == {"Paused"}

    def test_failing(self, server: RunningServer, ims: Ims) -> None:
        code = "InputConfig.Subtitle is invalid"
        Script(server, {"kind": "failing_job", "code": code, "message": "cue 3"})
        job = ims.ended_smart_job(ims.translate(target=https(RESULTS, "failing.mp4")))
        assert (job.state, job.error_code, job.error_message) == ("Failed", code, "cue 3")
        assert not results(server).object_exists("failing.mp4")
        captions = ims.ended_caption_job(ims.extract())
        assert captions.status == "Fail"
        assert json.loads(captions.result) == {"Code": code, "Message": "cue 3"}

    def test_endless(self, server: RunningServer, ims: Ims) -> None:
        Script(server, {"kind": "endless_job", "times": 1})
        endless, other = ims.translate(), ims.translate()
        assert ims.ended_smart_job(other).state == "Finished"
        assert ims.smart_job(endless).state == "Executing"

    def test_output_never_there(self, server: RunningServer, ims: Ims) -> None:
        Script(server, {"kind": "missing_output"})
        job = ims.ended_smart_job(ims.translate(target=https(RESULTS, "never.mp4")))
        assert job.job_result.media_url == https(RESULTS, "never.mp4")
        assert not results(server).object_exists("never.mp4")
        captions = ims.ended_caption_job(ims.extract(target=f"oss://{RESULTS}/never.srt"))
        assert captions.output_files == ["never.srt"]
        assert not results(server).object_exists("never.srt")

    def test_output_late(self, server: RunningServer, ims: Ims) -> None:
        Script(server, {"kind": "missing_output", "delay_s": 0.5})
        job_id = ims.translate(target=https(RESULTS, "late.mp4"))
        assert ims.ended_smart_job(job_id).state == "Finished"
        assert not results(server).object_exists("late.mp4")
        until(lambda: results(server).object_exists("late.mp4"), bool)
        assert results(server).object_exists("late.srt")
        assert ims.smart_job(job_id).state == "Finished"

    def test_missing_language(self, server: RunningServer, ims: Ims) -> None:
        Script(server, {"kind": "missing_language"})
        both = ims.translate(
            target=https(RESULTS, "partial/{language_id}.mp4"),
            config=editing(TargetLanguage="pt,ja"),
        )
        result = ims.ended_smart_job(both).job_result
        assert list(json.loads(result.ai_result)["VideoTranslationAiResultMap"]) == ["pt"]
        assert results(server).object_exists("partial/pt.mp4")
        assert not results(server).object_exists("partial/ja.mp4")
        one = ims.ended_smart_job(ims.translate(target=https(RESULTS, "partial/one.mp4")))
        assert one.state == "Finished"
        assert json.loads(one.job_result.ai_result) == {}
        assert not results(server).object_exists("partial/one.mp4")

    @pytest.mark.parametrize(
        ("shape", "languages", "wanted"),
        [
            ("empty", "pt", lambda told: told == ""),
            ("media_id_only", "pt", lambda told: "MediaURL" not in told and told["MediaId"]),
            (
                "media_id_only",
                "pt,ja",
                lambda told: "MediaURL" not in told["VideoTranslationAiResultMap"]["ja"],
            ),
            ("map", "pt", lambda told: list(told["VideoTranslationAiResultMap"]) == ["pt"]),
            ("flat", "pt,ja", lambda told: told["MediaURL"].endswith("/pt.mp4")),
        ],
    )
    def test_results_in_every_shape(
        self,
        server: RunningServer,
        ims: Ims,
        shape: str,
        languages: str,
        wanted: Callable[[Any], bool],
    ) -> None:
        Script(server, {"kind": "odd_result", "shape": shape})
        job_id = ims.translate(
            target=https(RESULTS, "odd/{language_id}.mp4" if "," in languages else "odd/pt.mp4"),
            config=editing(TargetLanguage=languages),
        )
        result = ims.ended_smart_job(job_id).job_result
        assert wanted(json.loads(result.ai_result) if result.ai_result else result.ai_result)
        assert results(server).object_exists("odd/pt.mp4")
        if shape == "media_id_only":
            assert result.media_id
            assert result.media_url is None


class TestPlans:
    def test_what_is_followed_can_be_read_and_put_again(self, server: RunningServer) -> None:
        plan = FaultPlan.parse('{"seed": 7, "faults": [{"kind": "throttling", "rate": 0.5}]}')
        server.control.put_faults(plan)
        told = server.control.faults()
        assert FaultPlan.model_validate(told["plan"]) == plan
        assert told["standing"] == [{"kind": "throttling", "chances": 0, "struck": 0}]
        server.control.put_faults(told["plan"])

    def test_a_wrong_plan_changes_nothing(self, server: RunningServer, ims: Ims) -> None:
        server.control.put_faults({"faults": [{"kind": "throttling"}]})
        with pytest.raises(FaultPlanError, match=r"faults\.0\.drop\.rate"):
            server.control.put_faults({"faults": [{"kind": "drop", "rate": 2}]})
        with pytest.raises(ClientException):
            ims.listed()

    def test_rates_are_kept_and_repeat_with_the_seed(self, server: RunningServer, ims: Ims) -> None:
        plan = {
            "seed": 11,
            "faults": [
                {"kind": "throttling", "rate": 0.3},
                {"kind": "drop", "when": "after", "actions": SUBMITS, "rate": 0.2},
            ],
        }
        seen = []
        for _ in range(2):
            server.control.put_faults(plan)
            script = Script(server)
            server.control.put_faults(plan)
            outcomes = [self.outcome(ims.translate) for _ in range(60)]
            seen.append(outcomes)
            assert script.accepted() == outcomes.count("accepted") + outcomes.count("dropped")
            assert script.dealt("throttling") == outcomes.count("throttled")
        assert seen[0] == seen[1]
        assert set(seen[0]) == {"accepted", "throttled", "dropped"}

    @staticmethod
    def outcome(call: Callable[[], object]) -> str:
        try:
            call()
        except ClientException:
            return "throttled"
        except UnretryableException:
            return "dropped"
        return "accepted"

    def test_server_without_simulation_refuses_faults_of_simulated_jobs(
        self, tmp_path: Path
    ) -> None:
        with running_server(LocalCloudConfig(tmp_path, workers=1)) as real:
            with pytest.raises(FaultPlanError, match="--instant"):
                real.control.put_faults({"faults": [{"kind": "failing_job"}]})
            real.control.put_faults({"faults": [{"kind": "throttling", "times": 1}]})
            with pytest.raises(ClientException):
                Ims(real.port).listed()
            assert Ims(real.port).listed().smart_job_list == []

    def test_wrong_plan_file_stops_the_command(self, tmp_path: Path) -> None:
        file = tmp_path / "plan.json"
        for text, words in (
            ('{"faults": [{"kind": "drop", "rate": 7}]}', "plan.json: faults.0.drop.rate"),
            ('{"faults": [{"kind": "endless_job"}]}', "--instant"),
        ):
            file.write_text(text)
            command = [sys.executable, "-m", "translation_pipeline.localcloud"]
            ended = subprocess.run(
                [*command, "--data-dir", tmp_path / "data", "--faults", file],
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert ended.returncode == 2
            assert words in ended.stderr


class TestSimulation:
    def test_jobs_take_their_time_and_a_killed_server_goes_on(self, tmp_path: Path) -> None:
        plan = FaultPlan.parse(
            '{"faults": [{"kind": "throttling", "actions": ["GetMediaInfo"]},'
            ' {"kind": "endless_job", "times": 1}]}'
        )
        config = LocalCloudConfig(
            tmp_path, instant=True, instant_duration_s=(2.0, 2.5), faults=plan
        )
        first = start_server(config)
        fill_buckets(first)
        ims = Ims(first.port)
        endless = ims.translate(target=https(RESULTS, "endless.mp4"))
        begin = time.time()
        job_id = ims.translate(target=https(RESULTS, "timed.mp4"), user_data="timed")
        captions = ims.extract(target=f"oss://{RESULTS}/timed.srt")
        assert ims.smart_job(job_id).state == "Created"
        assert ims.caption_job(captions).status == "Queuing"
        until(lambda: ims.smart_job(job_id).state, lambda state: state == "Executing")
        until(lambda: ims.caption_job(captions).status, lambda status: status == "Analyzing")
        assert not results(first).object_exists("timed.mp4")
        first.control.put_faults({"faults": [{"kind": "drop"}]})
        first.kill()
        with running_server(config) as second:
            assert second.control.faults()["plan"] == plan.model_dump(mode="json")
            ims = Ims(second.port)
            assert ims.ended_smart_job(job_id).state == "Finished"
            assert ims.ended_caption_job(captions).status == "Success"
            assert results(second).get_object("timed.mp4").read() == b"no real video"
            assert ims.smart_job(endless).state == "Executing", "what a job was dealt stays with it"
            told = {job["job_id"]: job for job in second.control.jobs()}
        timed = told[job_id]
        assert timed["finished_at"] - timed["accepted_at"] > 1.9
        assert abs(timed["accepted_at"] - begin) < 1.0
        assert (timed["user_data"], timed["output"]) == ("timed", f"oss://{RESULTS}/timed.mp4")
        assert (timed["state"], told[endless]["finished_at"]) == ("finished", None)

    def test_source_deleted_meanwhile_fails_the_job(self, server: RunningServer, ims: Ims) -> None:
        bucket = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), server.endpoint, SOURCE)
        for number in range(20):  # the job may be quicker than the deletion
            key = f"gone {number}.mp4"
            bucket.put_object(key, "soon gone")
            job_id = ims.translate(source={"Video": https(SOURCE, key)})
            bucket.delete_object(key)
            job = ims.ended_smart_job(job_id)
            if job.state == "Failed":
                break
        assert job.error_code == "InputFileNotFound"
        assert key in job.error_message

    async def test_jobs_move_on_after_a_disk_that_was_full(self, tmp_path: Path) -> None:
        objects, jobs = ObjectStore(tmp_path / "objects"), JobStore(tmp_path / "jobs.sqlite")
        assets = MediaAssets(tmp_path / "jobs.sqlite", registration_s=0)
        objects.create_bucket(RESULTS)
        objects.put_bytes(RESULTS, "in.mp4", b"moving pictures")
        engine = InstantEngine(jobs, objects, assets, tmp_path / "work", duration_s=(0, 0))
        order = JobOrder(
            kind=JobKind.VIDEO_TRANSLATION,
            wire={},
            work={"target_keys": {"pt": "out.mp4"}, "bilingual": True, "level": "subtitle"},
            inputs={"video": ObjectAddress(RESULTS, "in.mp4")},
            output=ObjectAddress(RESULTS, "out.mp4"),
            identity="a",
        )
        full = OSError(errno.ENOSPC, "No space left on device")
        with mock.patch.object(BlobFolder, "link", side_effect=full):
            await engine.start()
            job_id = jobs.submit(order, due_in_s=0)
            engine.wake()
            await asyncio.sleep(0.1)
        assert state_of(jobs, job_id) is JobState.WAITING
        for _ in range(100):
            if state_of(jobs, job_id) is JobState.FINISHED:
                break
            await asyncio.sleep(0.05)
        await engine.stop()
        stored = objects.list(RESULTS).objects
        assert [found.key for found in stored] == [
            "in.mp4",
            "out.bilingual.srt",
            "out.mp4",
            "out.srt",
        ]
        blobs = [path for path in (tmp_path / "objects" / "blobs").rglob("*") if path.is_file()]
        assert len(blobs) == len(stored), "nothing half-written is left"
        for opened in (jobs, assets, objects):
            opened.close()


def state_of(jobs: JobStore, job_id: str) -> JobState:
    job = jobs.get(JobKind.VIDEO_TRANSLATION, job_id)
    assert job is not None
    return job.state
