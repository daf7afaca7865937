"""The calls of the real IMS SDK against a stand-in cloud, with the parameters of tests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from alibabacloud_ice20201109 import models
from alibabacloud_ice20201109.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config

from translation_pipeline.localcloud.config import DEFAULT_ACCESS_KEYS
from translation_pipeline.localcloud.control_client import ControlClient

Answer = TypeVar("Answer")
KEY_ID, SECRET = next(iter(DEFAULT_ACCESS_KEYS.items()))
TRANSLATION = "VideoTranslation"
SOURCE, RESULTS = "dramas-in", "dramas-out"
VIDEO_KEY = "第 1 集 +100% 🎬.mp4"
PATIENCE_S = 60.0


def https(bucket: str, key: str) -> str:
    return f"https://{bucket}.oss-cn-shanghai.aliyuncs.com/{quote(key)}"


def editing(**changes: Any) -> dict[str, Any]:
    config = {"SourceLanguage": "en", "TargetLanguage": "pt", "SubtitleTranslate": {}, **changes}
    return {name: value for name, value in config.items() if value is not ...}


class Ims:
    """The calls of the SDK with the parameters of these tests as defaults."""

    def __init__(self, port: int, key_id: str = KEY_ID, secret: str = SECRET) -> None:
        config = Config(
            endpoint=f"127.0.0.1:{port}",
            protocol="HTTP",
            access_key_id=key_id,
            access_key_secret=secret,
        )
        self.port = port
        self.client = Client(config)

    def translate(
        self,
        *,
        source: dict[str, Any] | None = None,
        target: str = https(RESULTS, "out.mp4"),
        config: dict[str, Any] | None = None,
        **others: str,
    ) -> str:
        """Submit a translation and return its id."""
        source = {"Type": "Video", "Video": https(SOURCE, VIDEO_KEY), **(source or {})}
        request = models.SubmitVideoTranslationJobRequest(
            input_config=json.dumps(source),
            output_config=json.dumps({"MediaURL": target}),
            editing_config=json.dumps(config or editing()),
            **others,
        )
        body = self.client.submit_video_translation_job(request).body
        assert body.success is True
        return str(body.data.job_id)

    def extract(self, **changes: Any) -> str:
        """Submit a caption extraction and return its id."""
        source = changes.pop("source", f"oss://{SOURCE}/{VIDEO_KEY}")
        target = changes.pop("target", f"oss://{RESULTS}/captions.srt")
        request = models.SubmitIProductionJobRequest(
            **{
                "function_name": "CaptionExtraction",
                "input": models.SubmitIProductionJobRequestInput(type="OSS", media=source),
                "output": models.SubmitIProductionJobRequestOutput(type="OSS", media=target),
                **changes,
            }
        )
        return str(self.client.submit_iproduction_job(request).body.job_id)

    def smart_job(self, job_id: str) -> models.GetSmartHandleJobResponseBody:
        return self.client.get_smart_handle_job(models.GetSmartHandleJobRequest(job_id=job_id)).body

    def caption_job(self, job_id: str) -> models.QueryIProductionJobResponseBody:
        return self.client.query_iproduction_job(
            models.QueryIProductionJobRequest(job_id=job_id)
        ).body

    def ended_smart_job(self, job_id: str) -> models.GetSmartHandleJobResponseBody:
        return until(
            lambda: self.smart_job(job_id), lambda job: job.state in ("Finished", "Failed")
        )

    def ended_caption_job(self, job_id: str) -> models.QueryIProductionJobResponseBody:
        return until(
            lambda: self.caption_job(job_id), lambda job: job.status in ("Success", "Fail")
        )

    def listed(self, **filters: Any) -> models.ListSmartJobsResponseBody:
        return self.client.list_smart_jobs(models.ListSmartJobsRequest(**filters)).body

    def register(self, url: str, **others: Any) -> str:
        request = models.RegisterMediaInfoRequest(input_url=url, **others)
        return str(self.client.register_media_info(request).body.media_id)

    def account(self) -> dict[str, dict[str, int]]:
        counted: dict[str, dict[str, int]] = ControlClient(
            f"http://127.0.0.1:{self.port}"
        ).account()["kinds"]
        return counted


def until(read: Callable[[], Answer], done: Callable[[Answer], bool]) -> Answer:
    deadline = time.monotonic() + PATIENCE_S
    while not done(answer := read()):
        assert time.monotonic() < deadline, f"waited too long: {answer}"
        time.sleep(0.05)
    return answer


def refused(call: Callable[[], object], code: str, words: str = "", status: int = 400) -> None:
    with pytest.raises(AlibabaCloudException) as caught:
        call()
    assert (caught.value.code, caught.value.status_code) == (code, status)
    assert words in caught.value.message
    assert caught.value.request_id
