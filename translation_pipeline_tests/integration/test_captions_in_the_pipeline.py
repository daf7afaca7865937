"""Captions between the paid steps: judged by the catalog's profiles, doubted, held to glossaries
and compared with what came back, each file read once."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner, Result

from translation_pipeline.captions.glossary import parse_glossary
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import load_catalog
from translation_pipeline.cli.commands import app
from translation_pipeline.defs.checks import check_metadata
from translation_pipeline.errors import ConfigurationError, StorageAway
from translation_pipeline.ledger.models import Captions
from translation_pipeline.stages import checks, work
from translation_pipeline.stages.cells import REVIEWED_CAPTIONS, extraction_cells, review_cells
from translation_pipeline.stages.checks import CheckOutcome
from translation_pipeline.stages.coverage import CoverageRow, coverage
from translation_pipeline.stages.delivery import sidecar_of
from translation_pipeline.stages.glossaries import touched_by
from translation_pipeline.stages.quote import quote
from translation_pipeline.stages.review import (
    approved_address,
    collect_captions,
    correction_address,
)
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline.storage import Storage
from translation_pipeline_tests.integration.product import (
    GOOD_SRT,
    OpenProduct,
    Product,
    tiny_video,
)

GLOSSARY = "glossary: glossaries/{title}.yaml"


def srt(*texts: str) -> bytes:
    """Captions of a video of two seconds, one after the other."""
    step_ms = 1900 // len(texts)
    blocks = [
        f"{number + 1}\n00:00:0{number * step_ms / 1000:.3f} --> "
        f"00:00:0{(number + 1) * step_ms / 1000:.3f}\n{text}\n"
        for number, text in enumerate(texts)
    ]
    return "\n".join(blocks).encode()


def add(shop: Product, video: str, seed: int, captions: bytes | None = GOOD_SRT) -> ObjectAddress:
    """A video of the title drama, and its approved captions; returns where these are."""
    shop.put(f"incoming/drama/{video}.mp4", tiny_video(seed))
    address = approved_address(shop.pipeline, "drama", video)
    if captions is not None:
        shop.put(address.key, captions, results=True)
    return address


def run(shop: Product, run_id: str = "run") -> list[str]:
    """What the machines do: plan everything and work it off; returns the jobs that were new."""
    see_sources(shop.pipeline)
    found = work.plan_everything(shop.pipeline, Box(), run_id)
    asyncio.run(work.work(shop.pipeline, run_id))
    jobs = shop.pipeline.ledger.jobs(found.new_job_ids)
    return sorted(f"{job.video} {job.language}" for job in jobs if job.kind == "translation")


def translation(shop: Product, video: str, language: str = "pt") -> CoverageRow:
    (row,) = [
        row
        for row in coverage(shop.pipeline)
        if (row.stage, row.video, row.language) == ("translation", video, language)
    ]
    return row


def deliver(shop: Product, video: str, captions: bytes, language: str = "pt") -> None:
    """Put captions beside a delivered video, as if the service had made them."""
    (wanted,) = [
        wanted
        for wanted, _ in shop.pipeline.inventory.wanted()
        if (wanted.kind, wanted.video, wanted.language) == ("translation", video, language)
    ]
    sidecar = sidecar_of(ObjectAddress(wanted.output_bucket, wanted.output_key))
    shop.pipeline.storage.put(sidecar, captions)


def change_catalog(shop: Product, old: str, new: str) -> None:
    """Write another catalog file, as seen by a process that starts after it."""
    path = Path(shop.pipeline.settings.catalog_path)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    catalog = load_catalog(path.read_text("utf-8"), source=str(path))
    object.__setattr__(shop.pipeline, "catalog", catalog)


@contextmanager
def counting_reads() -> Iterator[list[str]]:
    """The keys of objects that are read meanwhile."""
    read: list[str] = []
    get = Storage.get

    def counted(storage: Storage, address: ObjectAddress) -> bytes:
        read.append(address.key)
        return get(storage, address)

    with patch.object(Storage, "get", counted):
        yield read


def test_a_blocking_finding_stops_its_video_and_status_says_which(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review")
    late = (
        b"1\n00:00:00,200 --> 00:00:01,500\nGood morning.\n\n2\n01:00:00,000 --> 01:00:01,000\nX\n"
    )
    bad = add(shop, "ep1", 300, late)
    add(shop, "ep2", 301)
    assert run(shop) == ["ep2 pt"]
    assert translation(shop, "ep2").state == "done"
    row = translation(shop, "ep1")
    assert row.state == "blocked"
    assert bad.to_oss() in row.reason
    assert "Cue 2 at 01:00:00,000" in row.reason
    assert row.next_step == f"Correct the file and put it at {bad.to_oss()}."

    outcome = checks.captions_are_valid(shop.pipeline)
    assert (outcome.passed, outcome.blocks, outcome.checked) == (False, False, 2)
    assert [finding["video"] for finding in outcome.findings] == ["ep1"]
    first = outcome.details[0]
    assert (first["video"], first["cue"], first["rule"]) == ("ep1", 2, "starts_beyond_video")
    assert outcome.detail_count == len(outcome.details)

    # Corrected, but not planned yet: what was found since the plan counts.
    shop.put(bad.key, GOOD_SRT, results=True)
    collect_captions(shop.pipeline)
    assert translation(shop, "ep1").state == "waiting"
    assert run(shop, "run-2") == ["ep1 pt"]
    assert checks.captions_are_valid(shop.pipeline).passed


def test_profiles_of_the_catalog_file_decide_and_a_change_is_judged_anew(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review")
    fast = b"1\n00:00:00,200 --> 00:00:01,500\nA lot of words to read in so little time.\n"
    add(shop, "ep1", 310, fast)
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), "run")
    (before,) = collected(shop)
    assert before.problem is None
    assert "reading_speed" in {finding["rule"] for finding in before.findings}

    with counting_reads() as read:
        collect_captions(shop.pipeline)
    assert read == []
    profile = "caption_profiles: {en: {severities: {reading_speed: error}}}"
    change_catalog(shop, "burn_in: none", f"burn_in: none\n    {profile}")
    with counting_reads() as read:
        collect_captions(shop.pipeline)
        collect_captions(shop.pipeline)
    assert read == [approved_address(shop.pipeline, "drama", "ep1").key]
    (after,) = collected(shop)
    assert "characters a second" in (after.problem or "")
    assert after.usable_key is None


def collected(shop: Product) -> list[Captions]:
    return [row for row in shop.pipeline.inventory.captions() if row.origin == "approved"]


def test_reviewers_see_the_doubtful_files_and_cues_first(open_product: OpenProduct) -> None:
    shop = open_product(captions="review")
    clean = srt("Good morning.", "How are you?", "Fine, thank you.", "See you tomorrow.")
    for number in range(4):
        add(shop, f"ep{number}", 320 + number, clean if number else GOOD_SRT)
    noise = "".join(
        f"{n}\n00:00:0{n / 10:.2f} --> 00:00:0{n / 10 + 0.05:.2f}\n{'口田日目'[n % 4]}\n\n"
        for n in range(1, 19)
    )
    add(shop, "ep9", 329, noise.encode())
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), "run")

    outcome = checks.captions_look_complete(shop.pipeline, REVIEWED_CAPTIONS)
    assert outcome.checked == 5
    assert [finding["video"] for finding in outcome.findings] == ["ep9", "ep0"]
    noisy, thin = outcome.findings
    assert noisy["doubt"] > thin["doubt"] >= 0.4
    assert "cues a minute; half of the title's files have" in thin["reason"]
    assert {cue["video"] for cue in outcome.details} == {"ep9"}
    assert outcome.detail_count == len(outcome.details) == 18
    first = outcome.details[0]
    assert (first["cue"], first["at"], first["text"]) == (1, "00:00:00,100", "田")
    assert "flashes" in first["signs"]
    (cell,) = review_cells(shop.pipeline)
    assert [row["video"] for row in cell.rows][:2] == ["ep9", "ep0"]
    with counting_reads() as read:
        checks.captions_look_complete(shop.pipeline, REVIEWED_CAPTIONS)
    assert read == []


def test_extracted_captions_are_doubted_before_anyone_reviews_them(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review")
    for number in range(2):
        add(shop, f"ep{number}", 340 + number, None)
    run(shop)
    outcome = checks.captions_look_complete(shop.pipeline, "extracted_captions")
    assert (outcome.checked, outcome.passed) == (2, True)
    (cell,) = extraction_cells(shop.pipeline)
    assert {row["doubt"] for row in cell.rows} == {0.0}
    # What an older version kept is judged when captions are collected the next time.
    (row, _) = shop.pipeline.inventory.captions()
    row.judged_by = row.doubt = None
    shop.pipeline.inventory.save([row])
    assert checks.captions_look_complete(shop.pipeline, "extracted_captions").checked == 1
    with counting_reads() as read:
        collect_captions(shop.pipeline)
        collect_captions(shop.pipeline)
    assert read == [row.key]
    assert checks.captions_look_complete(shop.pipeline, "extracted_captions").checked == 2


def test_a_delivered_translation_is_compared_once_and_its_errors_are_told(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review")
    source = srt("Where did you go last night?", "I was at the hospital.")
    for number in range(3):
        add(shop, f"ep{number}", 350 + number, source)
    run(shop)
    good = srt("Aonde você foi ontem à noite?", "Eu estava no hospital.")
    deliver(shop, "ep0", good)
    deliver(shop, "ep1", srt("Aonde você foi ontem à noite?", "ERROR"))
    deliver(shop, "ep2", b"\x00\x01 no captions")
    with counting_reads() as read:
        outcome = checks.translation_quality(shop.pipeline)
    assert len(read) == 6
    assert (outcome.checked, outcome.blocks) == (3, False)
    assert {finding["video"] for finding in outcome.findings} == {"ep1", "ep2"}
    details = [(cue["video"], cue["cue"], cue["rule"]) for cue in outcome.details]
    assert ("ep1", 2, "failure_text") in details
    assert translation(shop, "ep0").reason == ""
    row = translation(shop, "ep1")
    assert row.state == "done"
    assert "Cue 2 holds a failure, not a translation" in row.reason
    assert "cannot be compared" in translation(shop, "ep2").reason
    with counting_reads() as read:
        assert checks.translation_quality(shop.pipeline).findings == outcome.findings
    assert read == []


def test_a_correction_is_compared_with_the_source_and_a_bad_one_names_its_place(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review", budget=GLOSSARY)
    shop.put("glossaries/drama.yaml", b"terms:\n- {term: WeChat, do_not_translate: true}\n")
    add(shop, "ep1", 365, srt("Write to me on WeChat tonight."))
    run(shop)
    place = correction_address(shop.pipeline, "drama", "ep1", "pt")
    shop.put(place.key, b"\0\1 no captions", results=True)
    assert run(shop, "run-2") == []
    row = translation(shop, "ep1")
    assert (row.state, place.to_oss() in row.reason) == ("blocked", True)
    assert row.next_step == f"Correct the file and put it at {place.to_oss()}."

    shop.put(place.key, srt("Escreve-me no Uichate hoje à noite."), results=True)
    assert run(shop, "run-3") == ["ep1 pt"]
    deliver(shop, "ep1", srt("Escreve-me no Uichate hoje à noite."))
    (finding,) = checks.translation_quality(shop.pipeline).findings
    assert "must keep 'WeChat'" in finding["reason"]
    # Captions in the language of the output hold no terms of the source.
    (approved,) = collected(shop)
    assert approved.glossary_terms == {"WeChat": [1]}


def test_captions_that_the_service_reads_itself_are_not_compared(
    open_product: OpenProduct,
) -> None:
    shop = open_product()
    add(shop, "ep1", 360, None)
    run(shop)
    with counting_reads() as read:
        assert checks.translation_quality(shop.pipeline).checked == 0
    assert read == []


def test_a_changed_glossary_plans_only_the_videos_and_languages_that_it_touches(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review", languages="pt, es", budget=GLOSSARY)
    glossary = "terms:\n- {term: Rose, translations: {pt: Rosa}}\n- {term: Jack, note: ours}\n"
    address = shop.put("glossaries/drama.yaml", glossary.encode())
    add(shop, "ep1", 370, srt("Rose is here."))
    add(shop, "ep2", 371, srt("Jack is here."))
    add(shop, "ep3", 372, srt("Nobody is here."))
    everything = [f"ep{number} {code}" for number in (1, 2, 3) for code in ("es", "pt")]
    assert run(shop) == everything
    assert run(shop, "run-2") == []

    # Notes, order and open terms demand nothing.
    other = "terms:\n- {term: Jack, note: his}\n- {term: Rose, translations: {pt: Rosa}}\n"
    shop.put(address.key, other.encode())
    assert run(shop, "run-3") == []

    other = other.replace("note: his", "translations: {es: Juan}")
    planned = {
        (item.video, language)
        for item in touched_by(shop.pipeline, parse_glossary(other), ["drama"])
        for language in item.languages
    }
    assert planned == {("ep2", "es")}
    shop.put(address.key, other.encode())
    (line,) = quote(shop.pipeline).lines
    assert (line.video, line.language) == ("ep2", "es")
    assert "glossary" in line.why
    assert run(shop, "run-4") == ["ep2 es"]
    with counting_reads() as read:
        assert run(shop, "run-5") == []
    assert read == []


def test_impact_tells_what_a_glossary_touches_and_sends_nothing(
    open_product: OpenProduct, tmp_path: Path
) -> None:
    shop = open_product(captions="review", languages="pt, es", budget=GLOSSARY)
    add(shop, "ep1", 375, srt("Good morning.", "Rose is here."))
    add(shop, "ep2", 376)
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), "run")
    file = tmp_path / "drama.yaml"
    file.write_text("terms:\n- {term: Rose, translations: {pt: Rosa}}\n", "utf-8")
    before = shop.accepted()

    def run_impact(*options: str) -> Result:
        with patch.dict(os.environ, shop.environment):
            return CliRunner().invoke(app, ["captions", "impact", str(file), *options])

    told = run_impact("--title", "drama", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == [
        {
            "title": "drama",
            "video": "ep1",
            "languages": ["pt"],
            "terms": ["Rose"],
            "cue_numbers": [2],
        }
    ]
    assert run_impact("--title", "drama").stdout == "drama/ep1 into pt: cues 2 (Rose)\n"
    with pytest.raises(ConfigurationError, match="No video is known of 'other'"):
        raise run_impact("--title", "other").exception or AssertionError
    assert shop.accepted() == before


def test_the_glossary_is_enforced_on_what_comes_back(open_product: OpenProduct) -> None:
    shop = open_product(captions="review", budget=GLOSSARY)
    shop.put("glossaries/drama.yaml", b"terms:\n- {term: WeChat, do_not_translate: true}\n")
    add(shop, "ep1", 380, srt("Write to me on WeChat tonight."))
    run(shop)
    deliver(shop, "ep1", srt("Escreve-me no Uichate hoje à noite."))
    (finding,) = checks.translation_quality(shop.pipeline).findings
    assert "must keep 'WeChat'" in finding["reason"]


def test_a_bad_glossary_sets_its_title_aside_and_the_others_go_on(
    open_product: OpenProduct,
) -> None:
    shop = open_product(budget=GLOSSARY)
    add(shop, "ep1", 390, None)
    shop.put("incoming/other/ep1.mp4", tiny_video(391))
    for content, said in [
        (b"terms: [", "is not plain YAML"),
        (b"terms:\n- {term: A, translation: {pt: B}}\n", "unknown translation"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
        (b"terms: []\n# " + b"x" * 1_000_001, "bytes, which is no glossary"),
    ]:
        address = shop.put("glossaries/drama.yaml", content)
        run(shop, said)
        rows = {row.title: row for row in coverage(shop.pipeline)}
        assert rows["other"].state == "done"
        assert rows["drama"].state == "blocked"
        assert f"The glossary {address.to_oss()} cannot be used" in rows["drama"].reason
        assert said in rows["drama"].reason
        assert rows["drama"].next_step == (
            f"Correct {address.to_oss()}; it is read again when it changes."
        )
    shop.put(address.key, b"terms: []\n")
    run(shop, "corrected")
    assert {row.state for row in coverage(shop.pipeline)} == {"done"}


def test_a_glossary_that_was_deleted_is_missed_not_taken_for_an_empty_one(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review", budget=GLOSSARY)
    address = shop.put("glossaries/drama.yaml", b"terms:\n- {term: Rose, translations: {pt: R}}\n")
    add(shop, "ep1", 400, srt("Rose is here."))
    assert run(shop) == ["ep1 pt"]
    shop.pipeline.storage.delete(address)
    assert run(shop, "run-2") == []
    assert "it was deleted" in translation(shop, "ep1").reason
    shop.put(address.key, b"terms:\n- {term: Rose, translations: {pt: R}}\n")
    assert run(shop, "run-3") == []
    assert translation(shop, "ep1").state == "done"


def test_captions_without_a_look_for_terms_wait(open_product: OpenProduct) -> None:
    """OSS did not show them: better to wait than to pay without the glossary."""
    shop = open_product(captions="review", budget=GLOSSARY)
    shop.put("glossaries/drama.yaml", b"terms:\n- {term: Rose, translations: {pt: R}}\n")
    add(shop, "ep1", 410, srt("Rose is here."))
    assert run(shop) == ["ep1 pt"]
    (row,) = collected(shop)
    row.glossary_version = None
    shop.pipeline.inventory.save([row])
    with patch.object(Storage, "get", side_effect=unreachable):
        assert run(shop, "run-2") == []
    assert "were not looked through" in str(
        [wanted.blocked for wanted, _ in shop.pipeline.inventory.wanted()]
    )
    assert run(shop, "run-3") == []
    assert translation(shop, "ep1").state == "done"


def unreachable(address: ObjectAddress) -> bytes:
    raise StorageAway(f"Cannot read {address.to_oss()}: it does not answer.")


def test_facts_of_a_video_decide_too(open_product: OpenProduct) -> None:
    """A video that was replaced by a shorter one has captions beyond its end."""
    shop = open_product(captions="review")
    add(shop, "ep1", 420, b"1\n00:00:01,200 --> 00:00:01,900\nGood morning.\n")
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), "run")
    assert [row.problem for row in collected(shop)] == [None]
    shop.put("incoming/drama/ep1.mp4", tiny_video(421, seconds=0.5))
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), "run-2")
    (row,) = collected(shop)
    assert row.problem is not None
    assert row.findings[0]["rule"] == "starts_beyond_video"


def test_tables_in_the_metadata_are_bounded_and_say_how_many_more_there_are() -> None:
    rows = tuple({"video": f"ep{number}", "reason": "x"} for number in range(600))
    outcome = CheckOutcome(
        REVIEWED_CAPTIONS, "name", 700, rows, details=rows[:500], detail_count=9000
    )
    metadata = check_metadata(outcome)
    assert (metadata["checked"], metadata["wrong"]) == (700, 600)
    for name, more in (("findings", 100), ("cues", 8500)):
        assert len(metadata[name].records) == 500
        assert metadata[f"more_{name}"] == more
