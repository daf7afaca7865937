"""Jobs and media assets in the words of IMS: the bodies of the read calls (ims.md 5 to 8)."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.faults import OddResult
from translation_pipeline.localcloud.jobs import Job, JobState, ListedJob
from translation_pipeline.localcloud.media_assets import MediaAsset
from translation_pipeline.localcloud.objects import StoredObject
from translation_pipeline.localcloud.rpc import utc_text
from translation_pipeline.media import MediaInfo

USER_ID = 1000000000000001

# ims.md section 5.1, and section 7.3 with the SDK's spelling.
SMART_JOB_STATES = {
    JobState.WAITING: "Created",
    JobState.RUNNING: "Executing",
    JobState.FINISHED: "Finished",
    JobState.FAILED: "Failed",
}
STATES_OF_SMART_JOBS = {word: state for state, word in SMART_JOB_STATES.items()}
IPRODUCTION_STATES = {
    JobState.WAITING: "Queuing",
    JobState.RUNNING: "Analyzing",
    JobState.FINISHED: "Success",
    JobState.FAILED: "Fail",
}
VIDEO_TRANSLATION = "VideoTranslation"

# Role of a result file -> its field in AiResult (ims.md section 5.2). The sheet knows these names
# from speech jobs; no other names for caption files are known.
AI_RESULT_URLS = {
    "video": "MediaURL",
    "target_srt": "SpeechTranslatedSubtitleURL",
    "bilingual_srt": "SpeechBilingualSubtitleURL",
    "fix_srt": "SpeechTranslatedSubtitleURLForFix",
    "subtitle": "MediaURL",
    "audio": "MediaURL",
}


def smart_job(job: Job, region: str, odd_word: str | None = None) -> dict[str, Any]:
    """GetSmartHandleJob; `odd_word` stands in place of the state."""
    body: dict[str, Any] = {
        "JobId": job.job_id,
        "State": odd_word or SMART_JOB_STATES[job.state],
        "UserData": job.wire.get("UserData", ""),
        "Output": "{}",
        "JobResult": _job_result(job, region),
        "SmartJobInfo": {
            **_common_fields(job),
            "UserId": str(USER_ID),
            "InputConfig": {"InputFile": _input_file(job)},
        },
    }
    if job.state is JobState.FAILED:
        body |= {"ErrorCode": job.error_code, "ErrorMessage": job.error_message}
    return body


def smart_job_entry(job: ListedJob, odd_word: str | None = None) -> dict[str, Any]:
    """One entry of ListSmartJobs: no error and no result, as in the service."""
    return {
        **_common_fields(job),
        "JobId": job.job_id,
        "JobState": odd_word or SMART_JOB_STATES[job.state],
        "UserData": job.wire.get("UserData", ""),
        "UserId": USER_ID,
        "EditingConfig": job.wire["EditingConfig"],
        "InputConfig": {"InputFile": _input_file(job)},
    }


def _common_fields(job: ListedJob) -> dict[str, Any]:
    return {
        "JobType": VIDEO_TRANSLATION,
        "Title": job.wire.get("Title", ""),
        "Description": job.wire.get("Description", ""),
        "CreateTime": utc_text(job.created_at),
        "ModifiedTime": utc_text(job.modified_at),
        "OutputConfig": {"Bucket": job.output.bucket, "Object": job.output.key},
    }


def _input_file(job: ListedJob) -> str:
    source = json.loads(job.wire["InputConfig"])
    return str(source[source["Type"]])


def _job_result(job: Job, region: str) -> dict[str, str]:
    if job.result is None:
        return {}
    by_language: dict[str, dict[str, str]] = {}
    for output in job.result["outputs"]:
        fields = by_language.setdefault(output["language"], {})
        address = ObjectAddress(job.output.bucket, output["key"])
        fields[AI_RESULT_URLS[output["role"]]] = address.https(region)
        if "media_id" in output:
            fields["MediaId"] = output["media_id"]
    if job.work.get("for_fix"):
        for fields in by_language.values():
            fields["SpeechTranslationJobId"] = job.job_id
    return _shaped(by_language, several=len(job.work["target_keys"]) > 1, odd=job.fault(OddResult))


def _shaped(
    by_language: dict[str, dict[str, str]], *, several: bool, odd: OddResult | None
) -> dict[str, str]:
    """The result in the documented shape (ims.md section 5.2), or in another one of them."""
    shape = odd.shape if odd else "map" if several else "flat"
    first = next(iter(by_language.values()), {})
    if shape == "media_id_only":
        by_language = {language: _without_url(told) for language, told in by_language.items()}
        first = _without_url(first)
        shape = "map" if several else "flat"
    ai_result = {"VideoTranslationAiResultMap": by_language} if shape == "map" else first
    top = {"MediaUrl": first.get("MediaURL"), "MediaId": first.get("MediaId")}
    return {
        "AiResult": "" if shape == "empty" else json.dumps(ai_result, ensure_ascii=False),
        **{name: text for name, text in top.items() if text is not None},
    }


def _without_url(told: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in told.items() if name != "MediaURL"}


def iproduction_job(job: Job, region: str, odd_word: str | None = None) -> dict[str, Any]:
    """QueryIProductionJob, `odd_word` in place of the state.

    There is no error field: a failure's detail is in Result.
    """
    keys = [output["key"] for output in job.result["outputs"]] if job.result else []
    urls = [ObjectAddress(job.output.bucket, key).https(region) for key in keys]
    body = {
        "JobId": job.job_id,
        "Name": job.wire.get("Name", ""),
        "FunctionName": job.wire["FunctionName"],
        "Input": json.loads(job.wire["Input"]),
        "Output": json.loads(job.wire["Output"]),
        "JobParams": job.wire.get("JobParams", ""),
        "TemplateId": job.wire.get("TemplateId", ""),
        "UserData": job.wire.get("UserData", ""),
        "Status": odd_word or IPRODUCTION_STATES[job.state],
        "CreateTime": utc_text(job.created_at),
        "FinishTime": utc_text(job.finished_at),
        "Result": "{}",
        "OutputFiles": keys,
        "OutputUrls": urls,
        "OutputMediaIds": [],
    }
    if "ScheduleConfig" in job.wire:
        body["ScheduleConfig"] = json.loads(job.wire["ScheduleConfig"])
    if job.state is JobState.FAILED:
        body["Result"] = json.dumps(
            {"Code": job.error_code, "Message": job.error_message}, ensure_ascii=False
        )
    return body


def media_info(
    asset: MediaAsset, stored: StoredObject | None, facts: MediaInfo | None, region: str
) -> dict[str, Any]:
    """GetMediaInfo. `facts` None: the object is gone, or no video that can be read."""
    readable = stored is not None and (facts is not None or asset.media_type != "video")
    status = "Normal" if readable else "PrepareFail"
    created = utc_text(asset.created_at)
    basic = {
        "MediaId": asset.media_id,
        "InputURL": asset.address.https(region),
        "MediaType": asset.media_type,
        "BusinessType": asset.wire.get("BusinessType", "general"),
        "Source": "oss",
        "Title": asset.wire.get("Title", PurePosixPath(asset.address.key).name),
        "Description": asset.wire.get("Description", ""),
        "MediaTags": asset.wire.get("MediaTags", ""),
        "ReferenceId": asset.wire.get("ReferenceId", ""),
        "Status": status,
        "UserData": asset.wire.get("UserData", ""),
        "CreateTime": created,
        "ModifiedTime": created,
    }
    files = [] if stored is None else [_file_info(stored, facts, status, region)]
    return {
        "MediaInfo": {"MediaId": asset.media_id, "MediaBasicInfo": basic, "FileInfoList": files}
    }


def _file_info(
    stored: StoredObject, facts: MediaInfo | None, status: str, region: str
) -> dict[str, Any]:
    name = PurePosixPath(stored.key).name
    modified = utc_text(stored.last_modified.timestamp())
    basic = {
        "FileUrl": ObjectAddress(stored.bucket, stored.key).https(region),
        "FileName": name,
        "FileSize": str(stored.size),
        "FileStatus": status,
        "FileType": "source_file",
        "Region": region,
        "CreateTime": modified,
        "ModifiedTime": modified,
    }
    if facts is None:
        return {"FileBasicInfo": basic, "AudioStreamInfoList": [], "VideoStreamInfoList": []}
    size = {"Width": str(facts.width), "Height": str(facts.height)}
    duration = {"Duration": f"{facts.duration_s:.3f}"}
    bitrate = str(round(stored.size * 8 / facts.duration_s / 1000, 3)) if facts.duration_s else "0"
    video = {
        "Index": "0",
        "CodecName": facts.video_codec,
        "Fps": f"{facts.fps:g}",
        "AvgFPS": f"{facts.fps:g}",
        "Rotate": str(facts.rotation),
        **size,
        **duration,
    }
    audio = {"Index": "1", "CodecName": facts.audio_codec, **duration}
    return {
        "FileBasicInfo": {
            **basic,
            **size,
            **duration,
            "Bitrate": bitrate,
            "FormatName": facts.container,
        },
        "VideoStreamInfoList": [video],
        "AudioStreamInfoList": [audio] if facts.has_audio else [],
    }
