"""The job store, the parameters and the addresses of the stand-in IMS, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.localcloud.accounting import Books
from translation_pipeline.localcloud.addresses import AddressError, ObjectAddress, parse_address
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.ims_parameters import (
    CaptionParams,
    EditingConfig,
    InputConfig,
    OutputConfig,
    parse_json,
)
from translation_pipeline.localcloud.job_store import JobStore, TokenReusedError
from translation_pipeline.localcloud.jobs import JobKind, JobOrder, JobState
from translation_pipeline.localcloud.output_keys import output_key
from translation_pipeline.localcloud.rpc import RpcError

TRANSLATION = JobKind.VIDEO_TRANSLATION


def order(number: int = 0, *, token: str | None = None, identity: str = "same") -> JobOrder:
    return JobOrder(
        kind=TRANSLATION,
        wire={"Title": f"job {number}"},
        work={"target_keys": {"pt": "out.mp4"}, "level": "subtitle"},
        inputs={"video": ObjectAddress("in", f"视频 {number}.mp4")},
        output=ObjectAddress("out", "out.mp4"),
        identity=identity,
        client_token=token,
    )


def account(folder: Path) -> dict[str, Any]:
    return Books(folder / "jobs.sqlite").account()[TRANSLATION.value]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore(tmp_path / "jobs.sqlite")
    yield store
    store.close()


class TestJobStore:
    def test_same_token_gives_the_same_job_even_after_reopening(self, tmp_path: Path) -> None:
        first = JobStore(tmp_path / "jobs.sqlite")
        job_id = first.submit(order(token="t"))
        first.close()
        second = JobStore(tmp_path / "jobs.sqlite")
        assert second.submit(order(token="t")) == job_id
        second.close()
        assert account(tmp_path)["accepted"] == 1

    def test_same_token_with_other_parameters_is_refused(self, store: JobStore) -> None:
        store.submit(order(1, token="t"))
        with pytest.raises(TokenReusedError):
            store.submit(order(2, token="t"))

    def test_jobs_without_token_are_all_new(self, store: JobStore) -> None:
        assert store.submit(order()) != store.submit(order())

    def test_claims_in_order_of_acceptance_each_job_once(self, store: JobStore) -> None:
        submitted = [store.submit(order(number)) for number in range(3)]
        claimed = [store.claim_next() for _ in range(4)]
        assert [job and job.job_id for job in claimed] == [*submitted, None]

    def test_job_comes_back_as_it_was_handed_in(self, store: JobStore) -> None:
        wanted = order(7)
        job = store.get(TRANSLATION, store.submit(wanted))
        assert job is not None
        assert (job.wire, job.work, job.inputs) == (wanted.wire, wanted.work, wanted.inputs)
        assert job.state is JobState.WAITING

    def test_what_ran_when_the_server_died_runs_again_before_younger_jobs(
        self, store: JobStore
    ) -> None:
        first = store.submit(order(1))
        store.claim_next()
        store.submit(order(2))
        assert store.requeue_running() == 1
        claimed = store.claim_next()
        assert claimed is not None
        assert claimed.job_id == first

    def test_finished_jobs_are_never_claimed_again(self, store: JobStore) -> None:
        job_id = store.submit(order())
        job = store.claim_next()
        assert job is not None
        store.finish(job, {"outputs": []}, billed_minutes=2)
        store.requeue_running()
        assert store.claim_next() is None
        finished = store.get(TRANSLATION, job_id)
        assert finished is not None
        assert (finished.state, finished.billed_minutes) == (JobState.FINISHED, 2)

    def test_deleted_jobs_are_not_read_but_stay_counted(
        self, store: JobStore, tmp_path: Path
    ) -> None:
        job_id = store.submit(order())
        job = store.claim_next()
        assert job is not None
        store.delete(TRANSLATION, [job_id])
        assert store.get(TRANSLATION, job_id) is not None, "running jobs cannot be deleted"
        store.fail(job, "Code", "message")
        store.delete(TRANSLATION, [job_id])
        assert store.get(TRANSLATION, job_id) is None
        assert account(tmp_path)["accepted"] == 1

    def test_id_of_another_kind_is_unknown(self, store: JobStore) -> None:
        job_id = store.submit(replace(order(), kind=JobKind.CAPTION_EXTRACTION))
        assert store.get(TRANSLATION, job_id) is None

    @pytest.mark.parametrize("ascending", [True, False])
    def test_pages_show_every_job_once_although_jobs_arrive(
        self, store: JobStore, ascending: bool
    ) -> None:
        before = [store.submit(order(number)) for number in range(7)]
        seen: list[str] = []
        beyond = None
        while page := store.page(
            TRANSLATION, state=None, ascending=ascending, limit=3, beyond=beyond
        ):
            seen += [job.job_id for job in page]
            beyond = page[-1].number
            if len(seen) == 3:
                store.submit(order(99))
        assert len(seen) == len(set(seen))
        assert [job_id for job_id in seen if job_id in before] == before[:: 1 if ascending else -1]


REGION = "cn-shanghai"
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


class TestAddresses:
    @given(KEYS)
    def test_https_round_trip(self, key: str) -> None:
        address = ObjectAddress("media-in", key)
        text = address.https(REGION)
        assert parse_address(text, region=REGION, schemes=("https",)) == address
        assert text.isascii()

    @given(KEYS)
    def test_oss_key_is_taken_literally(self, key: str) -> None:
        address = ObjectAddress("media-in", key)
        assert parse_address(str(address), region=REGION, schemes=("oss",)) == address

    def test_plus_is_a_plus_and_percent_is_decoded_once(self) -> None:
        text = f"https://b-1.oss-{REGION}.aliyuncs.com/a+b%2520c.mp4"
        assert parse_address(text, region=REGION, schemes=("https",)).key == "a+b%20c.mp4"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("oss://media-in/a.mp4", "https://<bucket>"),
            ("http://media-in.oss-cn-shanghai.aliyuncs.com/a.mp4", "https://<bucket>"),
            ("media-in/a.mp4", "https://<bucket>"),
            ("https://media-in.oss-cn-beijing.aliyuncs.com/a.mp4", "cn-beijing"),
            ("https://cdn.example.com/a.mp4", "only its own OSS"),
            ("https://oss-cn-shanghai.aliyuncs.com/media-in/a.mp4", "only its own OSS"),
            ("https://media-in.oss-cn-shanghai.aliyuncs.com/a.mp4?Signature=x", "unsigned"),
            ("https://media-in.oss-cn-shanghai.aliyuncs.com/", "1 to 1023 bytes"),
            ("https://A_B.oss-cn-shanghai.aliyuncs.com/a.mp4", "no bucket name"),
        ],
    )
    def test_refusal_says_what_to_write(self, text: str, reason: str) -> None:
        with pytest.raises(AddressError, match=reason):
            parse_address(text, region=REGION, schemes=("https",))

    def test_hybrid_of_both_forms_is_refused(self) -> None:
        with pytest.raises(AddressError, match="no bucket name"):
            parse_address(
                "oss://media-in.oss-cn-shanghai.aliyuncs.com/a.mp4",
                region=REGION,
                schemes=("oss", "https"),
            )


def editing(**changes: Any) -> dict[str, Any]:
    config = {"SourceLanguage": "en", "TargetLanguage": "pt", "SubtitleTranslate": {}, **changes}
    return {name: value for name, value in config.items() if value is not ...}


def parse_editing(**changes: Any) -> EditingConfig:
    return parse_json(
        EditingConfig, "EditingConfig", {"EditingConfig": json.dumps(editing(**changes))}
    )


class TestEditingConfig:
    def test_defaults(self) -> None:
        config = parse_editing()
        assert config.level == "subtitle"
        assert config.text_source == "OCR_ASR"
        assert config.detext_area is None, "absent keeps the burnt-in text"
        assert config.detail.subtitle_config is None, "absent is not burnt in"
        assert config.detail.ocr_area is None

    def test_areas(self) -> None:
        config = parse_editing(
            DetextArea="[[0.1, 0.8, 0.8, 0.15], [0, 0, 1, 0.1]]",
            SubtitleTranslate={"OcrArea": [0, 0.7, 1, 0.3]},
        )
        assert config.detext_area == (Box(0.1, 0.8, 0.8, 0.15), Box(0, 0, 1, 0.1))
        assert config.detail.ocr_area == Box(0, 0.7, 1, 0.3)
        assert parse_editing(DetextArea="Auto").detext_area == "Auto"
        assert parse_editing(SubtitleTranslate={"OcrArea": "Auto"}).detail.ocr_area is None

    def test_custom_srt_type_is_read_in_both_places(self) -> None:
        file = {"TextSource": "SubtitleFile"}
        assert parse_editing(**file, CustomSrtType="TargetSrt").srt_type == "TargetSrt"
        nested = {"SubtitleTranslate": {"CustomSrtType": "SourceSrt"}}
        assert parse_editing(**file, **nested).srt_type == "SourceSrt"

    def test_dialects_and_several_targets(self) -> None:
        assert parse_editing(TargetLanguage="zh-tw,sichuan,id").target_languages == [
            "zh-tw",
            "sichuan",
            "id",
        ]

    def test_speech_level_has_its_own_languages(self) -> None:
        config = parse_editing(
            SourceLanguage="hu",
            NeedSpeechTranslate=True,
            SpeechTranslate={},
            SubtitleTranslate=...,
        )
        assert config.level == "speech"
        with pytest.raises(RpcError, match="SourceLanguage 'hu' is not supported at subtitle"):
            parse_editing(SourceLanguage="hu")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"SourceLanguage": ...}, "SourceLanguage: Field required"),
            ({"SourceLanguage": "auto"}, "SourceLanguage 'auto' is not supported"),
            ({"TargetLanguage": "xx"}, "TargetLanguage 'xx' is not supported"),
            ({"TargetLanguage": "pt, ja"}, "TargetLanguage ' ja' is not supported"),
            ({"TargetLanguage": "pt,pt"}, "names a language twice"),
            ({"TargetLanguage": ""}, "TargetLanguage '' is not supported"),
            ({"SubtitleTranslate": ...}, "SubtitleTranslate is required"),
            ({"SpeechTranslate": {}}, "exclude each other"),
            ({"NeedSpeechTranslate": True}, "SpeechTranslate is required"),
            ({"NeedSpeechTranslate": "true"}, "NeedSpeechTranslate: .*boolean"),
            ({"NeedFaceTranslate": True}, "lip-sync"),
            ({"TextSource": "Ocr"}, "TextSource: "),
            ({"TextSource": "SubtitleFile"}, "CustomSrtType is required"),
            ({"CustomSrtType": "Srt"}, "CustomSrtType: "),
            (
                {
                    "CustomSrtType": "SourceSrt",
                    "SubtitleTranslate": {"CustomSrtType": "TargetSrt"},
                },
                "given twice",
            ),
            ({"DetextArea": [[0, 0, 1, 1]]}, "DetextArea: write a string"),
            ({"DetextArea": "auto"}, "neither Auto nor JSON"),
            ({"DetextArea": "[]"}, "list of boxes"),
            ({"DetextArea": "[[0,0,1]]"}, "no box"),
            ({"DetextArea": "[[0,0.8,1,0.3]]"}, "not inside the picture"),
            ({"SubtitleTranslate": {"OcrArea": [0, 0, 2, 1]}}, "OcrArea: .*inside the picture"),
            ({"SubtitleTranslate": {"OcrArea": [[0, 1], [0, 1]]}}, "OcrArea: .*no box"),
        ],
    )
    def test_refusal_names_the_field(self, changes: dict[str, Any], reason: str) -> None:
        with pytest.raises(RpcError, match=reason) as refused:
            parse_editing(**changes)
        assert refused.value.code == "InvalidParameter"
        assert refused.value.message.startswith("EditingConfig: ")

    def test_text_source_all_is_for_the_subtitle_level(self) -> None:
        assert parse_editing(TextSource="ALL").text_source == "ALL"
        with pytest.raises(RpcError, match="subtitle level only"):
            parse_editing(
                TextSource="ALL",
                NeedSpeechTranslate=True,
                SpeechTranslate={},
                SubtitleTranslate=...,
            )


class TestOtherParameters:
    def test_missing_parameter(self) -> None:
        with pytest.raises(RpcError) as refused:
            parse_json(InputConfig, "InputConfig", {})
        assert refused.value.code == "MissingInputConfig"

    @pytest.mark.parametrize("text", ["{", "[]", "{'Type': 'Video'}", '{"Type":"Video"}'])
    def test_bad_input_config(self, text: str) -> None:
        with pytest.raises(RpcError, match="InputConfig: "):
            parse_json(InputConfig, "InputConfig", {"InputConfig": text})

    def test_output_config_without_address(self) -> None:
        with pytest.raises(RpcError, match="MediaURL"):
            parse_json(OutputConfig, "OutputConfig", {"OutputConfig": '{"MediaUrl":"x"}'})

    def test_caption_params(self) -> None:
        text = '{"fps":2,"roi":[[0.5,1],[0,1]],"sep":true,"lang":"ch_ml","formatter":"{\\\\an8}"}'
        params = parse_json(CaptionParams, "JobParams", {"JobParams": text})
        assert params.roi == Region(0.5, 1, 0, 1)
        assert (params.fps, params.sep, params.lang) == (2, True, "ch_ml")
        assert CaptionParams().roi == Region(0.75, 1, 0, 1), "the bottom quarter"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ('{"fps":1}', "fps"),
            ('{"fps":11}', "fps"),
            ('{"fps":"5"}', "fps"),
            ("{fps:5}", "JSON"),
            ('{"roi":[0,0.75,1,0.25]}', "roi"),
            ('{"roi":[[1,0.5],[0,1]]}', "roi"),
            ('{"roi":[["a",1],[0,1]]}', "roi"),
            ('{"lang":"zh"}', "lang"),
            ('{"sep":1}', "sep"),
            ('{"track":"all"}', "track"),
        ],
    )
    def test_bad_caption_params(self, text: str, reason: str) -> None:
        with pytest.raises(RpcError, match=reason):
            parse_json(CaptionParams, "JobParams", {"JobParams": text})


class TestOutputKeys:
    def test_placeholders(self) -> None:
        work = {"key": "c/{source}.{resultType}.{sequenceId}.srt", "source_key": "in/第 1 集.mp4"}
        assert output_key(work, "captions", "zh", 2) == "c/第 1 集.zh.2.srt"

    def test_timestamp(self) -> None:
        key = output_key({"key": "{timestamp}.srt", "source_key": "a"}, "captions", "", 1)
        assert key.removesuffix(".srt").isdecimal()

    def test_sidecars_lie_next_to_the_video(self) -> None:
        work = {"target_keys": {"pt": "out/a.b.mp4"}}
        assert output_key(work, "video", "pt", 3) == "out/a.b.mp4"
        assert output_key(work, "target_srt", "pt", 1) == "out/a.b.srt"
        assert output_key(work, "bilingual_srt", "pt", 2) == "out/a.b.bilingual.srt"
