"""The commands on files of this machine: what they print, write, and end with."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from translation_pipeline.captions.checking import check_captions
from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.diff import diff_captions
from translation_pipeline.captions.formats import compose_webvtt
from translation_pipeline.captions.report import file_report, html_report
from translation_pipeline.captions.srt import compose_srt, parse_srt
from translation_pipeline.cli.captions import captions_app
from translation_pipeline.errors import ConfigurationError

GOOD = [Cue(1000, 3000, "Where are we going?"), Cue(3500, 5000, "Nobody knows.")]
BROKEN = [*GOOD, Cue(6000, 7000, ""), Cue(6500, 8000, "<script>alert(1)</script> done")]
runner = CliRunner()


def write(path: Path, cues: list[Cue]) -> Path:
    path.write_text(compose_srt(cues), "utf-8")
    return path


def test_check_prints_findings_and_ends_with_1_for_a_blocked_file(tmp_path: Path) -> None:
    good = write(tmp_path / "好 1.srt", GOOD)
    lost = tmp_path / "b.srt"
    lost.write_text("1\n00:00:0x,000 --> 00:00:02,000\nGone\n\n" + compose_srt(GOOD))
    usable = runner.invoke(captions_app, ["check", str(good), "-l", "en"])
    assert usable.exit_code == 0, usable.output
    assert "好 1.srt: usable, 2 cues" in usable.output
    blocked = runner.invoke(captions_app, ["check", str(good), str(lost), "-l", "en", "--json"])
    assert blocked.exit_code == 1
    first, second = json.loads(blocked.stdout)
    assert not first["blocked"]
    assert second["blocked"]
    assert second["findings"][0]["rule"] == "times_unreadable"
    assert second["findings"][0]["line"] == 2


def test_check_of_a_folder_takes_all_caption_files_below_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "1.SRT", GOOD)
    write(tmp_path / "2.srt", GOOD)
    (tmp_path / "notes.txt").write_text("no captions")
    result = runner.invoke(captions_app, ["check", str(tmp_path), "-l", "en", "--json"])
    assert [Path(item["file"]).name for item in json.loads(result.stdout)] == ["2.srt", "1.SRT"]
    (tmp_path / "empty").mkdir()
    nothing = runner.invoke(captions_app, ["check", str(tmp_path / "empty"), "-l", "en"])
    assert isinstance(nothing.exception, ConfigurationError)


def test_check_against_the_source_with_a_glossary(tmp_path: Path) -> None:
    (tmp_path / "zh").mkdir()
    (tmp_path / "en").mkdir()
    write(tmp_path / "zh" / "1.srt", [Cue(1000, 3000, "林晚在哪里？")])
    write(tmp_path / "en" / "1.srt", [Cue(1000, 3000, "Where is Lin Night?")])
    write(tmp_path / "en" / "2.srt", GOOD)
    glossary = tmp_path / "g.yaml"
    glossary.write_text("terms: [{term: 林晚, translations: {en: Lin Wan}}]", "utf-8")
    arguments = ["check", str(tmp_path / "en"), "-l", "en", "--json"]
    arguments += ["--against", str(tmp_path / "zh"), "--glossary", str(glossary)]
    result = runner.invoke(captions_app, arguments)
    first, second = json.loads(result.stdout)
    assert [finding["rule"] for finding in first["findings"]] == ["fixed_term"]
    assert first["findings"][0]["text"] == "Where is Lin Night?"
    assert [finding["rule"] for finding in second["findings"]] == ["no_source"]
    assert result.exit_code == 1


class Tags(HTMLParser):
    """The tags of a page, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "data", "srcset")]
        if tag == "link":
            self.loads.append("link")


def test_the_html_report_is_one_page_and_shows_captions_as_text(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    broken = write(tmp_path / "{{files}}.srt", [*BROKEN, Cue(9000, 9100, "{{rows}}")])
    result = runner.invoke(captions_app, ["check", str(broken), "-l", "en", "--html", str(page)])
    assert result.exit_code == 0, result.output
    text = page.read_text("utf-8")
    tags = Tags()
    tags.feed(text)
    assert "script" not in tags.tags
    assert tags.loads == []
    assert "&lt;script&gt;" in text
    assert text.count("{{files}}.srt") == 2


def test_the_html_report_puts_blocked_and_doubtful_files_first() -> None:
    reports = []
    for name, cues in (("fine", GOOD), ("odd", [*GOOD, Cue(6000, 6100, "口")]), ("bad", [*GOOD])):
        data = compose_srt(cues).encode() + (b"\n9\n00:00:0" if name == "bad" else b"")
        reports.append(file_report(name, "en", check_captions(data, language="en")))
    page = html_report(reports)
    assert page.index(">bad<") < page.index(">odd<") < page.index(">fine<")


def test_repair_writes_beside_and_undo_restores(tmp_path: Path) -> None:
    file = write(tmp_path / "a b.srt", BROKEN)
    before = file.read_bytes()
    result = runner.invoke(captions_app, ["repair", str(file), "--json"])
    assert result.exit_code == 0, result.output
    (said,) = json.loads(result.stdout)
    assert said["applied"] == {"drop_empty_cues": [3]}
    repaired = tmp_path / "a b.repaired.srt"
    assert len(parse_srt(repaired.read_bytes()).cues) == 3
    assert file.read_bytes() == before
    undone = runner.invoke(captions_app, ["repair", "--undo", str(repaired)])
    assert undone.exit_code == 0, undone.output
    assert (tmp_path / "a b.repaired.restored.srt").read_bytes() == before


def test_repair_can_be_undone_when_nothing_was_left(tmp_path: Path) -> None:
    file = write(tmp_path / "a.srt", [Cue(0, 1000, ""), Cue(1000, 2000, "<i></i>")])
    assert runner.invoke(captions_app, ["repair", str(file)]).exit_code == 0
    repaired = tmp_path / "a.repaired.srt"
    assert runner.invoke(captions_app, ["repair", "--undo", str(repaired)]).exit_code == 0
    assert (tmp_path / "a.repaired.restored.srt").read_bytes() == file.read_bytes()


def test_repair_accepts_by_name_and_tells_what_waits(tmp_path: Path) -> None:
    file = write(tmp_path / "a.srt", [*GOOD, Cue(6000, 7000, "Thanks for watching!")])
    waiting = runner.invoke(captions_app, ["repair", str(file), "-o", str(tmp_path / "out")])
    assert "needs a person: drop_credits (1)" in waiting.output
    accepted = runner.invoke(captions_app, ["repair", str(file), "--accept", "drop_credits"])
    assert "drop_credits (1)" in accepted.output
    assert len(parse_srt((tmp_path / "a.repaired.srt").read_bytes()).cues) == 2
    assert len(parse_srt((tmp_path / "out" / "a.repaired.srt").read_bytes()).cues) == 3


def test_repair_of_what_is_no_caption_file_says_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.srt"
    file.write_bytes(b"PK\x03\x04\xff\xff\x00")
    result = runner.invoke(captions_app, ["repair", str(file)])
    assert result.exit_code == 1
    assert "ZIP" in result.output


def test_undo_without_its_record_says_which_file_is_missing(tmp_path: Path) -> None:
    result = runner.invoke(captions_app, ["repair", "--undo", str(write(tmp_path / "a.srt", GOOD))])
    assert isinstance(result.exception, ConfigurationError)
    assert "a.repair.json" in str(result.exception)


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (GOOD, []),
        ([GOOD[0]], [("removed", 2, None)]),
        ([*GOOD, Cue(9000, 9500, "More")], [("added", None, 3)]),
        ([GOOD[0], Cue(3500, 5000, "We know.")], [("text", 2, 2)]),
        ([GOOD[0], Cue(3600, 5000, "Nobody knows.")], [("times", 2, 2)]),
        ([GOOD[0], Cue(3600, 5000, "We know.")], [("text and times", 2, 2)]),
        ([Cue(0, 500, "First"), *GOOD], [("added", None, 1)]),
    ],
)
def test_diff(after: list[Cue], changes: list[tuple[str, int | None, int | None]]) -> None:
    found = diff_captions(GOOD, after)
    assert [(item.change, item.before_number, item.after_number) for item in found] == changes


def test_the_diff_command(tmp_path: Path) -> None:
    before = write(tmp_path / "a.srt", GOOD)
    after = write(tmp_path / "b.srt", [GOOD[0], Cue(3500, 5000, "We know.")])
    result = runner.invoke(captions_app, ["diff", str(before), str(after)])
    assert result.exit_code == 1
    assert "- 2  00:00:03,500 --> 00:00:05,000  Nobody knows." in result.stdout
    assert "+ 2  00:00:03,500 --> 00:00:05,000  We know." in result.stdout
    as_json = runner.invoke(captions_app, ["diff", str(before), str(after), "--json"])
    (item,) = json.loads(as_json.stdout)
    assert (item["change"], item["after"]["text"]) == ("text", "We know.")
    assert runner.invoke(captions_app, ["diff", str(before), str(before)]).exit_code == 0


def test_convert_there_and_back(tmp_path: Path) -> None:
    cues = [
        Cue(1000, 2000, "Tom & <i>Jerry</i> <3"),
        Cue(3000, 4000, "a --> b"),
        Cue(5000, 6000, "你好"),
    ]
    srt = write(tmp_path / "a.srt", cues)
    vtt, back = tmp_path / "a.vtt", tmp_path / "b.srt"
    assert runner.invoke(captions_app, ["convert", str(srt), str(vtt)]).exit_code == 0
    assert vtt.read_text("utf-8").startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n")
    assert runner.invoke(captions_app, ["convert", str(vtt), str(back)]).exit_code == 0
    assert back.read_bytes() == srt.read_bytes()
    wrong = runner.invoke(captions_app, ["convert", str(srt), str(tmp_path / "a.txt")])
    assert isinstance(wrong.exception, ConfigurationError)


def test_webvtt_escapes_what_would_be_markup() -> None:
    assert "a &lt;b &amp; --&gt; <i>c</i>" in compose_webvtt([Cue(0, 1, "a <b & --> <i>c</i>")])


def test_webvtt_holds_no_blank_lines_inside_a_cue() -> None:
    assert compose_webvtt([Cue(0, 1, "a\n\nb")]).endswith("00:00:00.001\na\nb\n")


def test_hotwords_prints_what_ims_takes(tmp_path: Path) -> None:
    glossary = tmp_path / "drama.yaml"
    long = "long " * 30
    glossary.write_text(
        f"terms:\n- {{term: 林晚, translations: {{en: Lin Wan}}}}\n"
        f"- {{term: 长, translations: {{en: {long}}}}}\n",
        "utf-8",
    )
    options = ["-l", "zh", "--target", "en", "--name", "drama"]
    result = runner.invoke(captions_app, ["hotwords", str(glossary), *options])
    assert result.exit_code == 0, result.output
    (request,) = map(json.loads, result.stdout.splitlines())
    assert request["UsageScenario"] == "VideoTranslation"
    assert request["Hotwords"] == [
        {
            "Language": "zh",
            "Text": "林晚",
            "TranspositionResultList": [{"TargetLanguage": "en", "TranslatedText": "Lin Wan"}],
            "Weight": 2,
        }
    ]
    assert "长: too long for IMS" in result.stderr
    glossary.write_bytes(b"terms: \xff")
    refused = runner.invoke(captions_app, ["hotwords", str(glossary), *options])
    assert isinstance(refused.exception, ConfigurationError)
    assert "is no UTF-8 text" in str(refused.exception)
