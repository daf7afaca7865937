"""The stand-in IMS through the real SDK: every action, every documented refusal, restarts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import oss2
import pytest
from alibabacloud_ice20201109 import models
from alibabacloud_tea_openapi.models import OpenApiRequest, Params
from alibabacloud_tea_openapi.utils import Utils
from darabonba.runtime import RuntimeOptions

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer, running_server, start_server
from translation_pipeline.sample_title import EPISODES
from translation_pipeline_tests.integration.ims_client import (
    KEY_ID,
    RESULTS,
    SECRET,
    SOURCE,
    TRANSLATION,
    VIDEO_KEY,
    Ims,
    editing,
    https,
    refused,
    until,
)

EPISODE_KEY = "第 2 集 100% +ção 🎬.mp4"


def fill_buckets(server: RunningServer) -> None:
    auth = oss2.Auth(KEY_ID, SECRET)
    for name in (SOURCE, RESULTS):
        oss2.Bucket(auth, server.endpoint, name).create_bucket()
    bucket = oss2.Bucket(auth, server.endpoint, SOURCE, enable_crc=False)  # slow in pure Python
    good = [Cue(0, 1000, "One."), Cue(1500, 2500, "Two.")]
    bucket.put_object("good.srt", compose_srt(good))
    bucket.put_object("empty cue.srt", compose_srt([good[0], Cue(1500, 2500, "")]))
    bucket.put_object("no srt.srt", "WEBVTT\n\nhello")
    bucket.put_object("empty.srt", "")
    bucket.put_object("huge.srt", compose_srt(good) * 200_000)
    for key in (VIDEO_KEY, "other.mp4", "again.mp4", "token.mp4", "refused.mp4", "broken.mp4"):
        bucket.put_object(key, f"no real video: {key}")
    bucket.put_object_from_file(EPISODE_KEY, str(EPISODES[0].video))
    bucket.put_object_from_file("episode.srt", str(EPISODES[0].truth))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    config = LocalCloudConfig(tmp_path_factory.mktemp("localcloud"), workers=2, instant=True)
    with running_server(config) as server:
        fill_buckets(server)
        yield server


@pytest.fixture
def ims(server: RunningServer) -> Ims:
    return Ims(server.port)


class TestTranslation:
    def test_job_walks_through_the_documented_words_and_leaves_its_files(self, ims: Ims) -> None:
        job_id = ims.translate(
            title="Folge 1", description="erste", user_data='{"k":"ü"}', client_token="walk"
        )
        assert ims.smart_job(job_id).state in ("Created", "Executing", "Finished")
        job = ims.ended_smart_job(job_id)
        assert job.state == "Finished"
        assert job.error_code is None
        assert job.user_data == '{"k":"ü"}'
        assert job.job_result.media_url == https(RESULTS, "out.mp4")
        assert json.loads(job.job_result.ai_result) == {
            "MediaURL": https(RESULTS, "out.mp4"),
            "MediaId": job.job_result.media_id,
            "SpeechTranslatedSubtitleURL": https(RESULTS, "out.srt"),
        }
        info = job.smart_job_info
        assert (info.title, info.description, info.job_type) == ("Folge 1", "erste", TRANSLATION)
        assert info.input_config.input_file == https(SOURCE, VIDEO_KEY)
        assert (info.output_config.bucket, info.output_config.object) == (RESULTS, "out.mp4")
        assert isinstance(info.user_id, str)
        assert datetime.strptime(info.create_time, "%Y-%m-%dT%H:%M:%SZ")

    def test_several_languages_give_a_map_and_one_video_each(self, ims: Ims) -> None:
        job_id = ims.translate(
            target=https(RESULTS, "several/{language_id}.mp4"),
            config=editing(TargetLanguage="pt,zh-tw", BilingualSubtitle=True),
        )
        result = ims.ended_smart_job(job_id).job_result
        by_language = json.loads(result.ai_result)["VideoTranslationAiResultMap"]
        assert list(by_language) == ["pt", "zh-tw"]
        assert by_language["zh-tw"]["MediaURL"] == https(RESULTS, "several/zh-tw.mp4")
        assert by_language["pt"]["SpeechBilingualSubtitleURL"] == https(
            RESULTS, "several/pt.bilingual.srt"
        )

    def test_subtitle_file_in_subtitle_file_out(self, ims: Ims) -> None:
        job_id = ims.translate(
            source={"Type": "Subtitle", "Subtitle": https(SOURCE, "good.srt")},
            target=https(RESULTS, "translated.srt"),
        )
        job = ims.ended_smart_job(job_id)
        assert job.job_result.media_url == https(RESULTS, "translated.srt")

    def test_media_id_as_input(self, ims: Ims) -> None:
        media_id = ims.register(f"oss://{SOURCE}/other.mp4")
        job_id = ims.translate(source={"Video": media_id})
        assert ims.ended_smart_job(job_id).state == "Finished"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"source": {"Video": f"oss://{SOURCE}/a.mp4"}}, "InputConfig.Video: "),
            (
                {"source": {"Video": f"https://{SOURCE}.oss-us-west-1.aliyuncs.com/a.mp4"}},
                "us-west-1",
            ),
            ({"source": {"Video": https(SOURCE, "no such.mp4")}}, "no such.mp4 does not exist"),
            ({"source": {"Video": https("no-such-bucket", "a.mp4")}}, "does not exist"),
            ({"source": {"Video": "https://cdn.example.com/a.mp4"}}, "only its own OSS"),
            ({"source": {"Video": https(SOURCE, VIDEO_KEY) + "?Expires=1"}}, "unsigned"),
            ({"source": {"Type": "Audio", "Audio": https(SOURCE, VIDEO_KEY)}}, "Audio cannot"),
            ({"source": {"Type": "Film"}}, "InputConfig: Type: "),
            ({"target": f"oss://{RESULTS}/out.mp4"}, "OutputConfig.MediaURL: "),
            ({"target": https(RESULTS, "out.mov")}, "has to end with .mp4"),
            ({"target": https("no-such-bucket", "out.mp4")}, "'no-such-bucket' does not exist"),
            ({"config": editing(TargetLanguage="pt,ja")}, "{language_id}"),
            ({"config": editing(TargetLanguage="tlh")}, "TargetLanguage 'tlh'"),
            ({"config": editing(SpeechTranslate={})}, "exclude each other"),
            ({"config": editing(NeedFaceTranslate=True)}, "lip-sync"),
            ({"config": editing(TextSource="SubtitleFile")}, "CustomSrtType is required"),
            (
                {"config": editing(TextSource="SubtitleFile", CustomSrtType="SourceSrt")},
                "InputConfig.Subtitle: ",
            ),
            ({"config": editing(DetextArea=[[0, 0, 1, 1]])}, "DetextArea: "),
            ({"user_data": "é" * 257}, "514 bytes; at most 512"),
            ({"client_token": "x" * 65}, "ClientToken"),
            ({"client_token": "tökén"}, "ClientToken"),
        ],
    )
    def test_documented_refusals(self, ims: Ims, changes: dict[str, Any], words: str) -> None:
        before = ims.account()
        refused(lambda: ims.translate(**changes), "InvalidParameter", words)
        assert ims.account() == before, "nothing was accepted"

    def test_missing_parameter(self, ims: Ims) -> None:
        request = models.SubmitVideoTranslationJobRequest(output_config="{}", editing_config="{}")
        refused(lambda: ims.client.submit_video_translation_job(request), "MissingInputConfig")

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("empty cue.srt", "Cue 2 has times but no text"),
            ("no srt.srt", ""),
            ("empty.srt", "is empty"),
            ("huge.srt", "no caption file"),
        ],
    )
    def test_invalid_captions(self, ims: Ims, key: str, words: str) -> None:
        config = editing(TextSource="SubtitleFile", CustomSrtType="SourceSrt")
        refused(
            lambda: ims.translate(source={"Subtitle": https(SOURCE, key)}, config=config),
            "InputConfig.Subtitle is invalid",
            words,
        )

    def test_unknown_job(self, ims: Ims) -> None:
        refused(lambda: ims.smart_job("0" * 32), "JobNotFound", status=404)
        refused(lambda: ims.smart_job(ims.extract()), "JobNotFound", status=404)
        refused(lambda: ims.caption_job(ims.translate()), "JobNotFound", status=404)
        refused(lambda: ims.smart_job(""), "MissingJobId")


class TestClientToken:
    def test_same_parameters_give_the_first_job(self, ims: Ims) -> None:
        first = ims.translate(client_token="same", title="a")
        ims.ended_smart_job(first)
        assert ims.translate(client_token="same", title="a") == first
        assert ims.translate(client_token="Same", title="a") != first, "case counts"

    def test_other_parameters_are_refused(self, ims: Ims) -> None:
        ims.translate(client_token="other", title="a")
        refused(
            lambda: ims.translate(client_token="other", title="b"), "IdempotentParameterMismatch"
        )

    def test_many_at_once_give_one_job(self, ims: Ims) -> None:
        before = ims.account()["video_translation"]["accepted"]
        with ThreadPoolExecutor(16) as threads:
            calls = [
                threads.submit(lambda: Ims(ims.port).translate(client_token="race"))
                for _ in range(32)
            ]
            assert len({call.result() for call in calls}) == 1
        assert ims.account()["video_translation"]["accepted"] == before + 1


class TestCaptions:
    def test_job_comes_back_as_submitted_with_its_files(self, ims: Ims) -> None:
        params = '{"fps":3,"roi":[[0.5,1],[0,1]],"lang":"en"}'
        job_id = ims.extract(
            target=https(RESULTS, "c/{source}.{sequenceId}.srt"),
            job_params=params,
            name="Folge 1",
            user_data="mine",
        )
        job = ims.ended_caption_job(job_id)
        key = f"c/{VIDEO_KEY.removesuffix('.mp4')}.1.srt"
        assert job.status == "Success"
        assert job.output_files == [key]
        assert job.output_urls == [https(RESULTS, key)]
        assert (job.job_params, job.name, job.user_data) == (params, "Folge 1", "mine")
        assert (job.function_name, job.input.media) == (
            "CaptionExtraction",
            f"oss://{SOURCE}/{VIDEO_KEY}",
        )
        assert datetime.strptime(job.finish_time, "%Y-%m-%dT%H:%M:%SZ")

    def test_separate_languages(self, ims: Ims) -> None:
        job_id = ims.extract(
            target=f"oss://{RESULTS}/sep.{{resultType}}.srt", job_params='{"sep":true}'
        )
        assert ims.ended_caption_job(job_id).output_files == ["sep.zh.srt", "sep.en.srt"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"function_name": "VideoDetext"}, "VideoDetext is not offered"),
            ({"function_name": "Captions"}, "'Captions' is none of"),
            ({"source": "ftp://a/b"}, "Input.Media: "),
            ({"source": f"oss://{SOURCE}.oss-cn-shanghai.aliyuncs.com/a.mp4"}, "no bucket name"),
            ({"source": f"oss://{SOURCE}/no such.mp4"}, "no such.mp4 does not exist"),
            ({"target": "oss://no-such-bucket/a.srt"}, "'no-such-bucket' does not exist"),
            ({"target": f"oss://{RESULTS}/a.srt", "job_params": '{"sep":true}'}, "{resultType}"),
            ({"job_params": '{"fps":1}'}, "JobParams: fps"),
            ({"job_params": "{fps:5}"}, "JobParams: "),
            ({"name": "n" * 101}, "Name"),
            ({"user_data": "u" * 257}, "UserData"),
            (
                {"schedule_config": models.SubmitIProductionJobRequestScheduleConfig(priority=11)},
                "Priority",
            ),
            (
                {"input": models.SubmitIProductionJobRequestInput(type="Url", media="x")},
                "Input: Type",
            ),
        ],
    )
    def test_documented_refusals(self, ims: Ims, changes: dict[str, Any], words: str) -> None:
        before = ims.account()
        refused(lambda: ims.extract(**changes), "InvalidParameter", words)
        assert ims.account() == before


class TestList:
    def test_token_paging_shows_all_jobs_newest_first(self, ims: Ims) -> None:
        submitted = [ims.translate(title=f"list {number}") for number in range(5)]
        seen, token = [], None
        while token != "":
            page = ims.listed(job_type=TRANSLATION, max_results=3, next_token=token)
            assert page.max_results == "3"
            seen += [job.job_id for job in page.smart_job_list]
            token = page.next_token
        assert seen[:5] == submitted[::-1]
        assert len(seen) == len(set(seen)) == ims.account()["video_translation"]["accepted"]

    def test_older_paging_and_ascending_order(self, ims: Ims) -> None:
        for _ in range(4):
            ims.translate()
        everything = ims.listed(max_results=100, sort_by="CreationTime:Asc").smart_job_list
        page = ims.listed(page_no=2, page_size=2, sort_by="CreationTime:Asc").smart_job_list
        assert [job.job_id for job in page] == [job.job_id for job in everything[2:4]]

    def test_entries_carry_the_join_keys(self, ims: Ims) -> None:
        config = editing(TargetLanguage="ja")
        job_id = ims.translate(config=config, user_data="mine", target=https(RESULTS, "listed.mp4"))
        ims.ended_smart_job(job_id)
        entry = ims.listed().smart_job_list[0]
        assert (entry.job_id, entry.job_state, entry.job_type) == (job_id, "Finished", TRANSLATION)
        assert (entry.user_data, json.loads(entry.editing_config)) == ("mine", config)
        assert (entry.output_config.bucket, entry.output_config.object) == (RESULTS, "listed.mp4")
        assert entry.input_config.input_file == https(SOURCE, VIDEO_KEY)
        assert isinstance(entry.user_id, int)

    def test_filters(self, ims: Ims) -> None:
        ims.ended_smart_job(ims.translate())
        finished = ims.listed(job_state="Finished", max_results=100).smart_job_list
        assert finished
        assert {job.job_state for job in finished} == {"Finished"}
        assert ims.listed(job_state="Failed").smart_job_list == []
        assert ims.listed(job_type="ASR").smart_job_list == []

    @pytest.mark.parametrize(
        "filters",
        [
            {"job_type": "Translation"},
            {"job_state": "Success"},
            {"sort_by": "CreateTime"},
            {"max_results": 101},
            {"max_results": 0},
            {"page_size": 101},
            {"page_no": 0},
            {"next_token": "abc"},
        ],
    )
    def test_refusals(self, ims: Ims, filters: dict[str, Any]) -> None:
        refused(lambda: ims.listed(**filters), "InvalidParameter")

    def test_deleted_jobs_disappear(self, ims: Ims) -> None:
        job_id = ims.translate()
        ims.ended_smart_job(job_id)
        ims.client.delete_smart_job(models.DeleteSmartJobRequest(job_id=job_id))
        refused(lambda: ims.smart_job(job_id), "JobNotFound", status=404)


class TestMediaAssets:
    def test_registered_once_per_url_and_found_by_id_and_by_url(self, ims: Ims) -> None:
        url = f"oss://{SOURCE}/{EPISODE_KEY}"
        media_id = ims.register(url, title="Folge", user_data="{}", reference_id="episode_1")
        refused(lambda: ims.register(url), "MediaAlreadyExists", media_id)
        for query in ({"media_id": media_id}, {"input_url": https(SOURCE, EPISODE_KEY)}):
            body = ims.client.get_media_info(models.GetMediaInfoRequest(**query)).body.media_info
            assert body.media_id == media_id
            basic = body.media_basic_info
            assert (basic.title, basic.media_type, basic.status) == ("Folge", "video", "Normal")
            assert basic.reference_id == "episode_1"
            (file,) = body.file_info_list
            facts = file.file_basic_info
            assert (facts.width, facts.height) == ("1280", "720")
            assert facts.file_size == str(EPISODES[0].video.stat().st_size)
            assert isinstance(facts.duration, str)
            assert float(facts.duration) > 10
            assert file.video_stream_info_list[0].codec_name == "h264"
            assert file.audio_stream_info_list[0].codec_name == "aac"

    def test_overwrite_gives_a_new_id_and_forgets_the_old_one(self, ims: Ims) -> None:
        url = f"oss://{SOURCE}/again.mp4"
        first = ims.register(url)
        second = ims.register(url, overwrite=True)
        assert first != second
        refused(lambda: media_info(ims, first), "MediaNotFound", status=404)
        assert media_info(ims, second)

    def test_client_token(self, ims: Ims) -> None:
        url, token = f"oss://{SOURCE}/token.mp4", "0123456789abcdef0123456789abcdef"
        media_id = ims.register(url, client_token=token)
        assert ims.register(url, client_token=token) == media_id
        refused(
            lambda: ims.register(url, client_token=token, title="other"),
            "IdempotentParameterMismatch",
        )

    def test_what_is_no_video_is_said_to_be_unusable(self, ims: Ims) -> None:
        body = media_info(ims, ims.register(f"oss://{SOURCE}/broken.mp4"))
        assert body.media_basic_info.status == "PrepareFail"
        assert body.file_info_list[0].file_basic_info.width is None

    def test_result_of_a_job_is_an_asset(self, ims: Ims) -> None:
        job = ims.ended_smart_job(ims.translate(target=https(RESULTS, "asset.mp4")))
        body = media_info(ims, job.job_result.media_id)
        assert body.media_basic_info.input_url == https(RESULTS, "asset.mp4")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"input_url": f"oss://{SOURCE}/no such.mp4"}, "InvalidParameter"),
            ({"input_url": ""}, "MissingInputURL"),
            ({"media_type": "film"}, "InvalidParameter"),
            ({"business_type": "films"}, "InvalidParameter"),
            ({"reference_id": "short"}, "InvalidParameter"),
            ({"title": "t" * 129}, "InvalidParameter"),
        ],
    )
    def test_refusals(self, ims: Ims, changes: dict[str, Any], code: str) -> None:
        wanted = {"input_url": f"oss://{SOURCE}/refused.mp4", **changes}
        refused(lambda: ims.register(wanted.pop("input_url"), **wanted), code)


def media_info(ims: Ims, media_id: str) -> models.GetMediaInfoResponseBodyMediaInfo:
    return ims.client.get_media_info(models.GetMediaInfoRequest(media_id=media_id)).body.media_info


class TestSignature:
    def test_unknown_key(self, ims: Ims) -> None:
        stranger = Ims(ims.port, key_id="stranger")
        refused(stranger.translate, "InvalidAccessKeyId.NotFound", status=404)

    def test_wrong_secret(self, ims: Ims) -> None:
        refused(Ims(ims.port, secret="guessed").translate, "SignatureDoesNotMatch")

    @pytest.mark.parametrize("minutes", [-16, 16])
    def test_clock_skew(self, ims: Ims, minutes: int) -> None:
        then = datetime.now(timezone.utc) + timedelta(minutes=minutes)
        with mock.patch.object(Utils, "get_timestamp", lambda: f"{then:%Y-%m-%dT%H:%M:%SZ}"):
            refused(ims.translate, "InvalidTimeStamp.Expired")

    def test_repeated_nonce(self, ims: Ims) -> None:
        with mock.patch.object(Utils, "get_nonce", lambda: "once"):
            ims.translate()
            refused(ims.translate, "SignatureNonceUsed")

    def test_unknown_action(self, ims: Ims) -> None:
        params = Params(
            action="SubmitMiracleJob",
            version="2020-11-09",
            protocol="HTTP",
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        refused(
            lambda: ims.client.call_api(params, OpenApiRequest(), RuntimeOptions()),
            "InvalidApi.NotFound",
            status=404,
        )


class TestRealWork:
    """Worker processes and the media engine behind the same calls."""

    def test_jobs_survive_a_killed_server_and_every_end_is_explained(self, tmp_path: Path) -> None:
        config = LocalCloudConfig(tmp_path / "cloud", workers=2)
        first = start_server(config)
        fill_buckets(first)
        ims = Ims(first.port)
        captions = ims.extract(source=f"oss://{SOURCE}/{EPISODE_KEY}", job_params='{"lang":"en"}')
        given: dict[str, Any] = {
            "source": {
                "Video": https(SOURCE, EPISODE_KEY),
                "Subtitle": https(SOURCE, "episode.srt"),
            },
            "config": editing(TextSource="SubtitleFile", CustomSrtType="TargetSrt"),
        }
        translation = ims.translate(**given, client_token="survives")
        media_id = ims.register(f"oss://{SOURCE}/{EPISODE_KEY}")
        refused(lambda: media_info(ims, media_id), "MediaNotFound", status=404)
        until(
            lambda: (ims.caption_job(captions).status, ims.smart_job(translation).state),
            lambda states: states[0] == "Analyzing" and states[1] != "Created",
        )
        first.kill()
        with running_server(config) as second:
            ims = Ims(second.port)
            assert ims.translate(**given, client_token="survives") == translation
            speech = ims.translate(
                config=editing(NeedSpeechTranslate=True, SpeechTranslate={}, SubtitleTranslate=...)
            )
            broken = ims.extract(source=f"oss://{SOURCE}/broken.mp4")
            self.check_results(second, ims, captions, translation)
            assert ims.ended_smart_job(speech).error_code == "UnreadableVideo"
            failed = ims.ended_caption_job(broken)
            assert failed.status == "Fail"
            assert json.loads(failed.result)["Code"] == "UnreadableVideo"
            assert "broken.mp4" in json.loads(failed.result)["Message"]
            assert failed.output_files == []
            assert media_info(ims, media_id).media_basic_info.status == "Normal"
            account = ims.account()
        assert account["video_translation"]["accepted"] == 2
        assert account["video_translation"]["duplicates_by_content"] == 0
        assert account["video_translation"]["billed_minutes"] == 1, "failed jobs cost nothing"

    def check_results(
        self, server: RunningServer, ims: Ims, captions: str, translation: str
    ) -> None:
        results = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), server.endpoint, RESULTS)
        assert ims.ended_caption_job(captions).status == "Success"
        read = results.get_object("captions.srt").read().decode()
        assert read.count(" --> ") == EPISODES[0].truth.read_text("utf-8").count(" --> ")
        assert ims.ended_smart_job(translation).state == "Finished"
        assert results.get_object("out.srt").read() == EPISODES[0].truth.read_bytes()
        assert results.head_object("out.mp4").content_length > 100_000
