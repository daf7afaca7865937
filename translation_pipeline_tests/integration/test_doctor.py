"""The doctor against the stand-in cloud: what is well, each thing that can be wrong, no job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import create_engine, text

from translation_pipeline.captions.languages import languages
from translation_pipeline.cli.doctor import run_doctor
from translation_pipeline.cli.local_engine import LETTERS, check_engine, missing_fonts
from translation_pipeline.doctor.examination import check_catalog, examine, exit_code
from translation_pipeline.doctor.findings import Finding, well
from translation_pipeline.doctor.machine import check_database, check_home
from translation_pipeline.doctor.network import check_network, check_proxies, region_of
from translation_pipeline.ledger.database import Database
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer, running_server
from translation_pipeline.settings import PREFIX, Settings
from translation_pipeline_tests.integration.product import Product, product

SECRET = "localcloud-secret"
DENIED_BUCKETS = ("oss:ListObjects", "oss:GetObject", "oss:PutObject", "oss:DeleteObject")
READS = (
    "ice:ListSmartJobs",
    "ice:GetSmartHandleJob",
    "ice:QueryIProductionJob",
    "ice:GetMediaInfo",
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("cloud"), instant=True)
    with running_server(config) as server:
        yield server


@pytest.fixture
def shop(cloud: RunningServer, tmp_path: Path) -> Iterator[Product]:
    name = f"t{uuid.uuid4().hex[:12]}"
    with product(cloud, tmp_path, name, captions="review") as opened:
        yield opened
        cloud.control.put_faults({"faults": []})


def examined(settings: Settings, *, write: bool = True) -> dict[str, Finding]:
    catalog, found = check_catalog(settings)
    findings = [found, *examine(settings, catalog, write=write)]
    assert all(finding.advice for finding in findings if not finding.ok)
    assert not any(SECRET in f"{finding}" for finding in findings)
    names = [finding.name for finding in findings]
    assert len(names) == len(set(names))
    return {finding.name: finding for finding in findings}


def bad(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if not finding.ok}


def refuse(shop: Product, *actions: str, **more: Any) -> None:
    shop.cloud.control.put_faults({"faults": [{"kind": "refusal", "actions": actions, **more}]})


class TestAllIsWell:
    def test_every_line_is_ok_and_nothing_paid_is_called(self, shop: Product) -> None:
        before = shop.account()

        found = examined(shop.pipeline.settings)

        catalog, after = shop.pipeline.catalog, shop.account()
        assert bad(found) == set()
        assert exit_code(list(found.values())) == 0
        assert "From environment variables: an access key that begins with loca" in (
            found["credentials"].words
        )
        assert found[f"bucket {catalog.bucket}"].words == "It is there, in cn-shanghai."
        assert found[f"oss://{catalog.bucket}/incoming/"].words == (
            "ListObjects, GetObject: allowed."
        )
        written = found[f"oss://{catalog.output_bucket}/captions/"].words
        assert written.startswith("GetObject, PutObject, DeleteObject: allowed; 2 bytes were")
        assert {name for name in found if name.startswith("ice:")} == {
            *READS,
            "ice:SubmitIProductionJob",
            "ice:SubmitVideoTranslationJob",
        }
        assert list(shop.pipeline.storage.list(catalog.output_bucket)) == []
        called = {
            action
            for action, count in after["requests"].items()
            if count > before["requests"].get(action, 0)
        }
        assert called == {
            "OSS.GET",
            "OSS.HEAD",
            "OSS.PUT",
            "OSS.DELETE",
            *(action.removeprefix("ice:") for action in READS),
        }
        assert [kind["accepted"] for kind in after["kinds"].values()] == [0, 0]

    def test_read_only_writes_nothing(self, shop: Product) -> None:
        before = shop.account()["requests"]

        found = examined(shop.pipeline.settings, write=False)

        after = shop.account()["requests"]
        assert bad(found) == set()
        assert after.get("OSS.PUT") == before.get("OSS.PUT")
        written = found[f"oss://{shop.pipeline.catalog.output_bucket}/captions/"]
        assert written.words == "GetObject: allowed; writing was not tried."

    def test_one_bucket_for_all_is_looked_at_once(self, shop: Product) -> None:
        path, bucket = shop.pipeline.settings.catalog_path, shop.pipeline.catalog.bucket
        text = path.read_text("utf-8").replace("-out", "-in")
        output = "incoming/{title}/{language}/{video}.{language}.{id}.mp4"
        path.write_text(f'{text}\n    output: "{output}"\n', "utf-8")

        found = examined(shop.pipeline.settings)

        assert bad(found) == set()
        assert found[f"oss://{bucket}/incoming/"].words.startswith(
            "ListObjects, GetObject, PutObject, DeleteObject: allowed"
        )


class TestRights:
    @pytest.mark.parametrize("right", DENIED_BUCKETS)
    def test_a_right_that_is_missing_in_the_output_bucket(self, shop: Product, right: str) -> None:
        bucket = shop.pipeline.catalog.output_bucket
        refuse(shop, right, bucket=bucket)

        found = examined(shop.pipeline.settings)

        lines = [found[name] for name in bad(found)]
        assert lines
        assert all(line.name.startswith(f"oss://{bucket}/") for line in lines)
        assert all(
            line.advice.startswith(f"Grant {right} on acs:oss:*:*:{bucket}") for line in lines
        )
        assert exit_code(list(found.values())) == 1
        if right == "oss:DeleteObject":
            assert all("stays" in line.words for line in lines)

    def test_a_bucket_that_may_not_be_looked_at(self, shop: Product) -> None:
        bucket = shop.pipeline.catalog.bucket
        refuse(shop, "oss:GetBucketInfo", bucket=bucket)

        found = examined(shop.pipeline.settings)

        assert bad(found) == {f"bucket {bucket}"}
        assert found[f"bucket {bucket}"].advice == (
            f"Grant oss:GetBucketInfo on acs:oss:*:*:{bucket}."
        )

    @pytest.mark.parametrize("action", READS)
    def test_an_action_of_ims_that_is_denied(self, shop: Product, action: str) -> None:
        refuse(shop, action)

        found = examined(shop.pipeline.settings)

        assert bad(found) == {action}
        assert "NoPermission" in found[action].words
        assert found[action].advice == "Grant it as in docs/ram-policy.md."

    def test_a_service_that_is_not_activated(self, shop: Product) -> None:
        refuse(shop, *READS, code="Forbidden.SubscriptionRequired")

        found = examined(shop.pipeline.settings)

        assert bad(found) == {"IMS service"}
        assert "Forbidden.SubscriptionRequired" in found["IMS service"].words
        assert "Activate" in found["IMS service"].advice
        assert "ice:ListSmartJobs" not in found

    def test_a_service_that_is_away(self, shop: Product) -> None:
        fault = {"kind": "html_error", "actions": ["ListSmartJobs"]}
        shop.cloud.control.put_faults({"faults": [fault]})

        found = examined(shop.pipeline.settings)

        assert bad(found) == {"IMS service"}
        assert found["IMS service"].advice == "Try again later."


class TestPlaces:
    def test_a_bucket_in_another_region(self, shop: Product) -> None:
        bucket = shop.pipeline.catalog.output_bucket
        refuse(shop, "oss:GetBucketInfo", bucket=bucket, endpoint="oss-cn-beijing.aliyuncs.com")

        found = examined(shop.pipeline.settings)

        assert bad(found) == {f"bucket {bucket}"}
        assert "is in region cn-beijing, but TRANSLATION_PIPELINE_REGION is cn-shanghai" in (
            found[f"bucket {bucket}"].words
        )
        assert exit_code(list(found.values())) == 2
        assert not any(name.startswith(f"oss://{bucket}/") for name in found)

    def test_buckets_that_nobody_made(self, shop: Product) -> None:
        path = shop.pipeline.settings.catalog_path
        path.write_text(path.read_text("utf-8").replace("-out", "-absent"), "utf-8")

        found = examined(shop.pipeline.settings)

        (name,) = bad(found)
        assert name.endswith("-absent")
        assert "no such bucket" in found[name].words

    def test_without_a_catalog_the_rest_is_still_checked(self, shop: Product) -> None:
        shop.pipeline.settings.catalog_path.unlink()

        found = examined(shop.pipeline.settings)

        assert bad(found) == {"catalog"}
        assert exit_code(list(found.values())) == 2
        assert {"credentials", "ice:ListSmartJobs"} <= set(found)
        assert not any(name.startswith(("bucket", "oss://")) for name in found)

    def test_endpoints_that_do_not_answer(self, shop: Product) -> None:
        away = replace(
            shop.pipeline.settings, oss_endpoint="http://127.0.0.1:9", ims_endpoint="127.0.0.1:9"
        )

        found = examined(away)

        assert bad(found) == {"OSS endpoint", "IMS endpoint"}
        assert "TRANSLATION_PIPELINE_OSS_ENDPOINT" in found["OSS endpoint"].advice
        assert not any(name.startswith(("bucket", "ice:")) for name in found)

    @pytest.mark.parametrize(
        ("url", "region"),
        [
            ("https://oss-cn-beijing.aliyuncs.com", "cn-beijing"),
            ("https://oss-cn-beijing-internal.aliyuncs.com", "cn-beijing"),
            ("https://ice.ap-southeast-1.aliyuncs.com", "ap-southeast-1"),
            ("https://ice-vpc.us-west-1.aliyuncs.com", "us-west-1"),
            ("https://oss-accelerate.aliyuncs.com", None),
            ("https://oss-accelerate-overseas.aliyuncs.com", None),
            ("http://127.0.0.1:8080", None),
        ],
    )
    def test_the_region_of_an_endpoint(self, url: str, region: str | None) -> None:
        assert region_of(url) == region

    def test_an_endpoint_in_another_region_than_the_setting(self, shop: Product) -> None:
        elsewhere = "https://oss-cn-beijing-internal.aliyuncs.com"

        found = examined(replace(shop.pipeline.settings, oss_endpoint=elsewhere))

        assert bad(found) == {"OSS endpoint"}
        assert "is in cn-beijing, but TRANSLATION_PIPELINE_REGION is cn-shanghai" in (
            found["OSS endpoint"].words
        )
        assert exit_code(list(found.values())) == 2
        assert "ice:ListSmartJobs" in found

    def test_a_proxy_is_told(self) -> None:
        (found,) = check_proxies({"HTTPS_PROXY": "http://user:password@proxy"})

        assert "HTTPS_PROXY is set" in found.words
        assert "password" not in f"{found}"
        assert list(check_proxies({})) == []


class TestClock:
    @pytest.mark.parametrize(
        ("off_s", "ok", "advised"),
        [(0, True, False), (300, True, True), (-1200, False, True), (1200, False, True)],
    )
    def test_against_the_date_of_the_server(
        self, shop: Product, off_s: int, ok: bool, advised: bool
    ) -> None:
        found = {
            finding.name: finding
            for finding in check_network(shop.pipeline.settings, now=lambda: time.time() + off_s)
        }["clock"]

        assert (found.ok, bool(found.advice)) == (ok, advised)

    def test_calls_refused_for_their_time(self, shop: Product) -> None:
        shop.cloud.control.put_faults({"faults": [{"kind": "clock_skew"}]})

        found = examined(shop.pipeline.settings)

        assert bad(found) == {"IMS service"}
        assert "InvalidTimeStamp.Expired" in found["IMS service"].words
        assert found["IMS service"].advice == "Set the clock."


class TestCredentials:
    def doctor(self, environment: dict[str, str], home: Path) -> dict[str, Finding]:
        """In a process of its own: the chain reads the environment when it is imported."""
        hidden = ("ALIBABA_CLOUD_", "HOME")
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(hidden)}
        done = subprocess.run(
            [sys.executable, "-m", "translation_pipeline", "doctor", "--read-only", "--json"],
            env={
                **inherited,
                **{n: v for n, v in environment.items() if not n.startswith("ALIBABA")},
                "HOME": str(home),
                "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
            },
            capture_output=True,
            text=True,
        )
        assert SECRET not in done.stdout + done.stderr
        said = json.loads(done.stdout)
        assert said["ok"] == (done.returncode == 0)
        self.code = done.returncode
        return {row["name"]: Finding(**row) for row in said["findings"]}

    def test_of_a_profile(self, shop: Product, tmp_path: Path) -> None:
        profile = {
            "name": "translate",
            "mode": "AK",
            "access_key_id": "localcloud",
            "access_key_secret": SECRET,
        }
        (tmp_path / ".aliyun").mkdir()
        (tmp_path / ".aliyun" / "config.json").write_text(
            json.dumps({"current": "translate", "profiles": [profile]})
        )

        found = self.doctor(dict(shop.environment), tmp_path)

        assert "From profile of the aliyun command line" in found["credentials"].words
        assert found["ice:ListSmartJobs"].ok
        assert (self.code, bad(found)) == (0, set())

    def test_nowhere(self, shop: Product, tmp_path: Path) -> None:
        found = self.doctor(dict(shop.environment), tmp_path)

        assert bad(found) == {"credentials"}
        assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in found["credentials"].words
        assert self.code == 2
        assert {"clock", "database", "ffmpeg"} <= set(found)

    def test_that_the_services_do_not_know(self, shop: Product) -> None:
        with patch.dict(os.environ, {"ALIBABA_CLOUD_ACCESS_KEY_ID": "stranger"}):
            found = examined(shop.pipeline.settings)

        assert "InvalidAccessKeyId" in found["IMS service"].words
        assert found["IMS service"].is_configuration
        assert "InvalidAccessKeyId" in found[f"bucket {shop.pipeline.catalog.bucket}"].words

    def test_with_a_wrong_secret(self, shop: Product) -> None:
        with patch.dict(os.environ, {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wrong"}):
            found = examined(shop.pipeline.settings)

        assert "SignatureDoesNotMatch" in found["IMS service"].words


class TestMachine:
    def test_database_before_and_after_its_first_use(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        before = check_database(url)
        assert (before.ok, "made at the first use" in before.words) == (True, True)
        assert list(tmp_path.iterdir()) == []
        Database(url).close()
        after = check_database(url)
        assert (after.ok, "its tables have version" in after.words) == (True, True)

    def test_postgresql(self, empty_postgresql_url: str) -> None:
        before = check_database(empty_postgresql_url)
        assert before.words.startswith("PostgreSQL, ")
        assert "made at the first use" in before.words
        Database(empty_postgresql_url).close()
        assert "its tables have version" in check_database(empty_postgresql_url).words

    def test_tables_of_a_newer_version(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        Database(url).close()
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("UPDATE ledger_version SET version_num = '9999'"))
        engine.dispose()

        found = check_database(url)

        assert (found.ok, "install that one" in found.advice) == (False, True)

    def test_a_database_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "ledger.db").write_text("This is no database, although it is long enough." * 9)
        for url, words in [
            (f"sqlite:///{tmp_path / 'ledger.db'}", "cannot be opened"),
            ("postgresql+psycopg2://me:hush@127.0.0.1:9/ledger", "cannot be opened"),
            ("mysql://me:hush@127.0.0.1/ledger", "neither PostgreSQL nor SQLite"),
            ("hush", "no database URL"),
        ]:
            found = check_database(url)
            assert not found.ok
            assert words in found.words
            assert "hush" not in f"{found}"

    def test_home(self, tmp_path: Path) -> None:
        assert check_home(tmp_path / "not" / "yet").ok
        assert list(tmp_path.iterdir()) == []
        full = check_home(tmp_path, free_bytes=lambda _: 10**8)
        assert (full.ok, full.words.startswith("0.1 GB are free")) == (False, True)
        file = tmp_path / "file"
        file.write_text("")
        assert check_home(file / "home").is_configuration


class TestMediaEngine:
    def test_what_the_catalog_needs(self, shop: Product) -> None:
        found = {
            finding.name: finding
            for finding in check_engine(shop.pipeline.catalog, [], is_used=True)
        }

        assert bad(found) == set()
        assert set(found) == {"ffmpeg", "models", "fonts", "translation"}

    def test_a_pair_that_nothing_translates(self, cloud: RunningServer, tmp_path: Path) -> None:
        name = f"t{uuid.uuid4().hex[:12]}"
        with product(cloud, tmp_path, name, languages="pt, de") as shop:
            for is_used in (True, False):
                findings = check_engine(shop.pipeline.catalog, [], is_used=is_used)
                found = next(finding for finding in findings if finding.name == "translation")
                assert "en to de" in found.words
                assert "TRANSLATION_PIPELINE_LLM_ENDPOINT" in found.advice
                assert found.ok != is_used

    def test_speech(self, shop: Product, tmp_path: Path) -> None:
        path = shop.pipeline.settings.catalog_path
        spoken = path.read_text("utf-8").replace("level: subtitle", "level: speech")
        path.write_text(spoken.replace("[pt]", "[pt, tianjin]"), "utf-8")
        catalog, _ = check_catalog(shop.pipeline.settings)
        with patch.dict(os.environ, {PREFIX + "SPEECH_MODEL": str(tmp_path)}):
            found = {finding.name: finding for finding in check_engine(catalog, [], is_used=True)}

        assert {"voices", "speech recognition"} <= bad(found)
        assert found["voices"].words == "No voice speaks tianjin."
        assert "no model.bin" in found["speech recognition"].words

        with patch.dict(os.environ, {PREFIX + "SPEECH_MODEL": ""}):
            found = {finding.name: finding for finding in check_engine(catalog, [], is_used=True)}

        assert found["speech recognition"].ok
        assert "TRANSLATION_PIPELINE_SPEECH_MODEL is not set" in found["speech recognition"].words

    def test_a_broken_ffmpeg(self, shop: Product, tmp_path: Path) -> None:
        with patch.dict(os.environ, {"IMAGEIO_FFMPEG_EXE": str(tmp_path / "absent")}):
            first = next(iter(check_engine(None, [], is_used=True)))

        assert (first.name, first.ok) == ("ffmpeg", False)

    def test_without_the_extra(self) -> None:
        (found,) = check_engine(None, ["json", "no_such_module"], is_used=True)

        assert found.ok
        assert "no_such_module" in found.words
        assert "[local]" in found.advice

    def test_there_are_letters_for_every_script(self) -> None:
        scripts = {script for language in languages().values() for script in language.scripts}

        assert set(LETTERS) >= scripts
        assert missing_fonts(["en", "vi", "ru", "ar", "th", "hi"]) == []


def test_exit_codes_and_lines(shop: Product, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(shop, "ice:ListSmartJobs")

    code = run_doctor(None, write=True, as_json=False)

    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert code == 1
    assert next(line for line in lines if "clock" in line).startswith("ok    clock: ")
    at = next(number for number, line in enumerate(lines) if "ListSmartJobs" in line)
    assert lines[at].startswith("MEND  ice:ListSmartJobs: RAM denies it (NoPermission")
    assert lines[at + 1] == "      -> Grant it as in docs/ram-policy.md."
    assert "Nothing was called that costs." in said.err
    assert exit_code([well("a", "b")]) == 0


def test_wrong_settings_end_with_2(shop: Product) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "translation_pipeline", "doctor"],
        env={**os.environ, **shop.environment, PREFIX + "REGION": "nowhere"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert "TRANSLATION_PIPELINE_REGION is 'nowhere'" in done.stderr
