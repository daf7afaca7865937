"""The catalog file: what it must decide, and that every problem is told with its remedy."""

import re
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.catalog.areas import Box, Region
from translation_pipeline.catalog.config import Catalog, TitleRule, load_catalog
from translation_pipeline.errors import CatalogInvalid

EXAMPLE = """\
bucket: dramas-in
output_bucket: dramas-out
titles:
  - match: "incoming/{title}/{video}.mp4"
    provider: ims
    level: subtitle
    captions: review
    caption_region: [[0.75, 1], [0, 1]]
    erase: auto
    burn_in: {style: standard}
    source_language: zh
    target_languages: [en, id, es]
    glossary: glossaries/{title}.yaml
    budget: {per_run: 500, per_title: 2000.10, currency: CNY}
"""


def catalog_of(**changes: Any) -> Catalog:
    """The example with changed or (None) removed fields of its only rule."""
    return load_catalog(yaml.safe_dump(_example(changes)), source="catalog.yaml")


def refusal_of(**changes: Any) -> str:
    with pytest.raises(CatalogInvalid) as refusal:
        catalog_of(**changes)
    return str(refusal.value)


def refusal_of_text(text: str) -> str:
    with pytest.raises(CatalogInvalid) as refusal:
        load_catalog(text, source="catalog.yaml")
    return str(refusal.value)


def _example(changes: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(EXAMPLE)
    rule = data["titles"][0]
    for name, value in changes.items():
        if value is ABSENT:
            del rule[name]
        else:
            rule[name] = value
    return data


ABSENT = object()


def test_a_complete_file_becomes_typed_values() -> None:
    catalog = load_catalog(EXAMPLE, source="catalog.yaml")
    rule = catalog.titles[0]
    assert (catalog.bucket, catalog.review_prefix, catalog.captions_prefix) == (
        "dramas-in",
        "review/",
        "captions/",
    )
    assert rule.caption_region == Region(top=0.75, bottom=1, left=0, right=1)
    assert rule.caption_fps == 5
    assert rule.erase_areas() == "auto"
    assert rule.target_languages == ("en", "id", "es")
    assert catalog.languages == ("en", "es", "id")
    assert rule.budget is not None
    assert rule.budget.per_title == Decimal("2000.1")
    assert rule.budget.per_month is None
    style = rule.subtitle_style()
    assert style is not None
    assert (style["FontSize"], style["Y"]) == (95, 0.85)
    assert rule.output_pattern.render(title="爱", video="1", language="en", id="abcd2345") == (
        "incoming/爱/1.en.abcd2345.mp4"
    )


def test_the_rule_of_a_key_comes_with_title_and_video() -> None:
    catalog = load_catalog(EXAMPLE, source="catalog.yaml")
    found = catalog.rule_for("incoming/霸道 总裁/第1集.mp4")
    assert found is not None
    rule, title, video = found
    assert (rule, title, video) == (catalog.titles[0], "霸道 总裁", "第1集")
    assert catalog.rule_for("incoming/love/1.mov") is None


@pytest.mark.parametrize(
    ("field", "choice"),
    [
        ("match", "incoming/{title}/{video}.mp4"),
        ("level", "subtitle .* or speech"),
        ("captions", "direct .* review .* or provided"),
        ("erase", "none .* auto .* or boxes"),
        ("burn_in", "none .* or a style"),
        ("source_language", "such as zh"),
        ("target_languages", r"such as \[en, es\]"),
        ("caption_region", r"\[\[top, bottom\], \[left, right\]\]"),
    ],
)
def test_a_missing_decision_says_what_to_choose_from(field: str, choice: str) -> None:
    text = refusal_of(**{field: ABSENT})
    assert "catalog.yaml has 1 problem:" in text
    assert re.search(rf"catalog.yaml:\d+: titles\[0\]\.{field} is missing", text)
    assert re.search(choice, text)


def test_provided_captions_need_a_pattern_and_speech_their_language() -> None:
    subtitle = refusal_of(captions="provided")
    assert "titles[0].provided_srt is missing, and captions: provided needs it" in subtitle
    assert "provided_srt_is" not in subtitle
    speech = refusal_of(captions="provided", level="speech", provided_srt="{title}/{video}.srt")
    assert "titles[0].provided_srt_is is missing" in speech
    assert "Choose source, target, bilingual_source_first or" in speech


def test_provided_captions_in_the_target_language_are_one_file_per_language() -> None:
    decisions = {"captions": "provided", "provided_srt_is": "target"}
    assert "Put {language} into provided_srt" in refusal_of(
        **decisions, provided_srt="{title}/{video}.srt"
    )
    rule = catalog_of(**decisions, provided_srt="{title}/{video}.{language}.srt").titles[0]
    assert rule.provided_srt is not None
    assert rule.provided_srt.render(title="a", video="b", language="en") == "a/b.en.srt"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"level": "face"}, "is 'face', not 'subtitle' or 'speech'"),
        ({"erase": "all"}, "Choose none"),
        ({"erase": None}, "erase is empty, which decides nothing"),
        ({"erase": [0.1, 0.2, 0.3, 0.4]}, "put brackets around this box"),
        ({"erase": [[0.1, 0.2, 0.3]]}, "box 1 is not four numbers"),
        ({"erase": [[0, 0, 1, 1], [0.5, 0, 0.6, 1]]}, "box 2 is not inside the picture"),
        ({"erase": []}, "boxes are a list"),
        ({"caption_region": [0.75, 1, 0, 1]}, "this looks like a box"),
        ({"caption_region": [[1, 0.75], [0, 1]]}, "top before bottom"),
        ({"caption_region": [[0.75, 1.1], [0, 1]]}, "from 0"),
        ({"caption_region": [[75, 100], [0, 100]]}, "fractions"),
        ({"caption_region": [["a", 1], [0, 1]]}, "two pairs of numbers"),
        ({"burn_in": "standard"}, "such as {style: standard}"),
        ({"burn_in": False}, "False is no style"),
        ({"burn_in": None}, "burn_in is empty"),
        ({"burn_in": {"style": "huge"}}, "Choose small, medium (also called standard) or large"),
        ({"burn_in": {"font_size": 50}}, "titles[0].burn_in.style is missing"),
        ({"burn_in": {"style": "small", "font_color": "white"}}, "#rrggbb"),
        ({"burn_in": {"style": "small", "y": 85}}, "from 0 (top) to 1"),
        ({"caption_fps": 25}, "from 2 to 10"),
        ({"provided_srt": "{title}/{video}.srt"}, "is not used with captions: review"),
        ({"provided_srt_is": "source"}, "is not used with captions: review"),
        ({"text_source": "asr"}, "is not used with captions: review"),
        (
            {"captions": "direct", "level": "speech", "text_source": "all"},
            "is all, which only level: subtitle knows",
        ),
        ({"speech": {"voice": "zhiyan_emo"}}, "is not used with level: subtitle"),
        ({"match": "incoming/{title}.mp4"}, "lacks {video}"),
        ({"match": "incoming/{title}/{episode}.mp4"}, "lacks {video}"),
        ({"match": "in/{title}/{video}.{id}.mp4"}, "has {id}, which means nothing here"),
        ({"match": "in/{title}{video}.mp4"}, "two fields touch"),
        ({"match": 5}, "5 is no key pattern"),
        ({"output": "out/{title}/{video}.{id}.mp4"}, "lacks {language}"),
        ({"output": "{title}/{language}/{video}.{id}.mov"}, "does not end in .mp4"),
        ({"glossary": "glossaries/{video}.yaml"}, "Use only {title}"),
        ({"target_languages": []}, "target_languages is an empty list"),
        ({"target_languages": ["en", "es", "en"]}, "names en twice"),
        ({"target_languages": ["en", "zh"]}, "target_languages[1] 'zh' is the source language"),
        ({"target_languages": ["en", "xx"]}, "translate into 'xx' at level subtitle"),
        ({"target_languages": ["e n"]}, "is no language code"),
        ({"target_languages": "en"}, "which is no list"),
        ({"source_language": "ja"}, "Choose one of zh, en;"),
        ({"source_language": "auto"}, "Choose one of zh, en;"),
        ({"provider": "aws"}, "Choose ims, vod or akool"),
        ({"budget": {"per_run": 5}}, "budget.currency is missing"),
        ({"budget": {"currency": "CNY"}}, "limits nothing"),
        ({"budget": {"per_run": -5, "currency": "CNY"}}, "greater than 0"),
        ({"budget": {"per_run": 5, "currency": "yuan"}}, "three capital letters"),
        ({"budget": {"per_runs": 5, "currency": "CNY"}}, "Did you mean per_run?"),
        ({"target_langauges": ["en"]}, "Did you mean target_languages?"),
        ({"flavour": "mint"}, "Known fields: match, provider, level"),
    ],
)
def test_wrong_decisions_say_the_remedy(changes: dict[str, Any], expected: str) -> None:
    text = refusal_of(**changes)
    assert expected in text
    assert "has 1 problem:" in text


@pytest.mark.parametrize("code", ["no", "No", "on", "yes"])
def test_norwegian_without_quotes_gets_a_clear_message(code: str) -> None:
    text = EXAMPLE.replace("[en, id, es]", f"[en, {code}]")
    refusal = refusal_of_text(text)
    assert "catalog.yaml:12: titles[0].target_languages[1] is read by YAML as" in refusal
    assert '"no" for Norwegian' in refusal


def test_norwegian_in_quotes_is_a_speech_language() -> None:
    rule = catalog_of(level="speech", source_language="no", target_languages=["en"]).titles[0]
    assert rule.source_language == "no"


def test_languages_depend_on_the_level() -> None:
    assert "translate from 'ko' at level subtitle" in refusal_of(source_language="ko")
    assert catalog_of(level="speech", source_language="ko").titles[0].source_language == "ko"
    assert "into 'shanxi' at level speech" in refusal_of(
        level="speech", target_languages=["shanxi"]
    )
    assert catalog_of(target_languages=["shanxi"]).languages == ("shanxi",)


def test_a_language_that_is_not_listed_can_be_allowed_per_rule_or_file() -> None:
    assert catalog_of(target_languages=["pt-br"], allow_languages=["pt-br"]).languages
    data = _example({"target_languages": ["pt-br"]}) | {"allow_languages": ["pt-br"]}
    assert load_catalog(yaml.safe_dump(data), source="catalog.yaml").languages == ("pt-br",)


def test_akool_has_an_open_list_of_languages() -> None:
    codes = ["af-ZA", "zh-CN-sichuan"]
    assert catalog_of(provider="akool", target_languages=codes).languages == tuple(codes)


def test_every_problem_of_a_file_is_listed_in_its_order_with_its_line() -> None:
    text = EXAMPLE.replace("dramas-in", "Dramas_In").replace("level: subtitle", "level: sub")
    text += "    erase: none\n"
    text += '  - match: "incoming/{title}/ep-{video}.mp4"\n'
    refusal = refusal_of_text(text)
    places = re.findall(r"^- (catalog\.yaml:\d+: \S+)", refusal, re.MULTILINE)
    assert places == [
        "catalog.yaml:1: bucket",
        "catalog.yaml:6: titles[0].level",
        "catalog.yaml:15: titles[0].erase",
        "catalog.yaml:16: titles[1].burn_in",
        "catalog.yaml:16: titles[1].captions",
        "catalog.yaml:16: titles[1].erase",
        "catalog.yaml:16: titles[1].level",
        "catalog.yaml:16: titles[1].match",
        "catalog.yaml:16: titles[1].source_language",
        "catalog.yaml:16: titles[1].target_languages",
    ]
    assert "titles[0].erase is written twice" in refusal
    assert "overlaps titles[0].match: both match incoming/x/ep-x.mp4" in refusal


def test_rules_that_share_no_key_may_stand_together() -> None:
    data = _example({})
    data["titles"].append(data["titles"][0] | {"match": "courses/{title}/{video}.mp4"})
    catalog = load_catalog(yaml.safe_dump(data), source="catalog.yaml")
    found = catalog.rule_for("courses/a/b.mp4")
    assert found is not None
    assert found.rule is catalog.titles[1]


def test_translated_videos_must_not_become_sources_again() -> None:
    data = _example({"match": "{folder}/{title}/{video}.mp4".replace("{folder}", "translated")})
    data["titles"][0]["output"] = "translated/{title}/{video}.{language}.{id}.mp4"
    load_catalog(yaml.safe_dump(data), source="catalog.yaml")
    data["output_bucket"] = data["bucket"]
    refusal = refusal_of_text(yaml.safe_dump(data))
    assert "matches translated videos too" in refusal
    assert "Use another output_bucket" in refusal
    del data["titles"][0]["output"]  # beside the source, where its pattern finds it too
    assert "matches translated videos too" in refusal_of_text(yaml.safe_dump(data))


@pytest.mark.parametrize(
    ("match", "output"),
    [
        ("incoming/{title}/{video}.mp4", "incoming/a/1.en.abcd2345.mp4"),
        ("{title}/{video}/main.mov", "a/1/1.en.abcd2345.mp4"),
        ("in/{title}-{video}.mp4", "in/a.1.en.abcd2345.mp4"),
        ("{title}_{video}.mp4", "a.1.en.abcd2345.mp4"),
    ],
)
def test_without_a_decision_outputs_lie_beside_their_source(match: str, output: str) -> None:
    catalog = load_catalog(yaml.safe_dump(_example({"match": match})), source="catalog.yaml")
    rendered = catalog.titles[0].output_pattern.render(
        title="a", video="1", language="en", id="abcd2345"
    )
    assert rendered == output


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("review_prefix: /review/", "review_prefix '/review/' is no folder"),
        ("review_prefix: review", "ends in /"),
        ("captions_prefix: review/auto/", "lie inside one another"),
        ("captions_prefix: coverage/srt/", "lies in coverage/, where reports are written"),
        ("review_prefix: manifests/", "lies in manifests/, where reports are written"),
        ("partition_by: titles", "partition_by is not understood"),
        ("partition_by: titles", "{shards: 64}: titles are hashed"),
        ("partition_by: {shard: 64}", "partition_by is not understood"),
        ("partition_by: {shards: 1}", "says shards: 1, which is no number of them"),
        ("partition_by: {shards: yes}", "says shards: True, which is no number of them"),
        ("output_bucket: a", "output_bucket is written twice"),
        ("titels: []", "Did you mean titles?"),
    ],
)
def test_wrong_fields_of_the_file_say_the_remedy(line: str, expected: str) -> None:
    assert expected in refusal_of_text(f"{EXAMPLE}{line}\n")


@pytest.mark.parametrize(
    "text", ["", "- a list", "text", "a: [", "a: 2024-13-45", "\x00", "? [1]\n: 2", "a: &x\n- *y"]
)
def test_what_is_no_catalog_at_all_is_refused(text: str) -> None:
    assert refusal_of_text(text).startswith("catalog.yaml is ")


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "style", "per_run"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(sorted(TitleRule.model_fields)),
        plain_values,
        min_size=1,
        max_size=3,
    )
)
def test_any_value_in_any_field_is_taken_or_refused_with_its_place(changes: dict[str, Any]) -> None:
    try:
        catalog_of(**changes)
    except CatalogInvalid as refusal:
        assert "titles[0]" in str(refusal)


@given(
    top=st.floats(0, 0.49),
    bottom=st.floats(0.5, 1),
    left=st.floats(0, 0.49),
    right=st.floats(0.5, 1),
)
def test_a_region_says_the_same_place_in_both_orders(
    top: float, bottom: float, left: float, right: float
) -> None:
    region = Region(top, bottom, left, right)
    assert region.as_roi() == ((top, bottom), (left, right))
    box = region.as_box()
    assert (box.x, box.y) == (left, top)
    assert box.x + box.width == pytest.approx(right)
    assert box.y + box.height == pytest.approx(bottom)


def test_boxes_keep_their_order() -> None:
    rule = catalog_of(erase=[[0.1, 0.2, 0.3, 0.4], [0, 0, 0.3, 0.7]]).titles[0]
    assert rule.erase == (Box(0.1, 0.2, 0.3, 0.4), Box(0, 0, 0.3, 0.7))
    assert rule.erase_areas() == ((0.1, 0.2, 0.3, 0.4), (0, 0, 0.3, 0.7))


def test_none_is_a_decision() -> None:
    rule = catalog_of(erase="none", burn_in="none").titles[0]
    assert rule.erase_areas() is None
    assert rule.subtitle_style() is None


def test_explicit_style_values_win_over_the_preset() -> None:
    rule = catalog_of(burn_in={"style": "large", "font_size": 48, "x": 0.1, "y": 0.1}).titles[0]
    style = rule.subtitle_style()
    assert style is not None
    assert (style["FontSize"], style["X"], style["Y"]) == (48, 0.1, 0.1)
    preset = catalog_of(burn_in={"style": "large"}).titles[0].subtitle_style()
    assert preset is not None
    assert preset["FontSize"] == 130
    assert "X" not in preset


def test_caption_profiles_change_the_limits_of_a_language() -> None:
    changes = {
        "all": {"max_lines": 1, "severities": {"small_gap": False}},  # an unquoted off
        "zh": {"max_cps": 15, "severities": {"reading_speed": "error"}},
        "zh-tw": {"max_lines": 3},
    }
    rule = catalog_of(caption_profiles=changes).titles[0]
    chinese, taiwanese, thai = map(rule.caption_profile, ("zh", "zh-tw", "th"))
    assert (chinese.max_cps, chinese.max_lines, chinese.severity("reading_speed")) == (
        15,
        1,
        "error",
    )
    assert (taiwanese.max_cps, taiwanese.max_lines) == (15, 3)
    assert (thai.max_lines, thai.severity("small_gap")) == (1, None)
    assert thai.max_cps == catalog_of().titles[0].caption_profile("th").max_cps


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ([1], "caption_profiles is no set of languages"),
        ({"xx": {}}, "names 'xx', which is no known language"),
        ({5: {}}, "names 5, which is no known language"),
        ({False: {}}, 'Put the code in quotes: "no" for Norwegian'),
        ({"en": 5}, "caption_profiles.en is 5, which is no set of fields"),
        ({"en": {"max_cp": 9}}, "caption_profiles.en.max_cp is no field here.\n  Did you mean"),
        ({"en": {"max_cps": 0}}, "caption_profiles.en.max_cps is 0.*\n  Write the most char"),
        ({"en": {"severities": [1]}}, "caption_profiles.en.severities is \\[1\\]"),
        ({"en": {"severities": {"speed": "error"}}}, "severities.speed is no rule"),
        ({"en": {"severities": {"overlap": "bad"}}}, "must be error, warning or off, not 'bad'"),
    ],
)
def test_a_caption_profile_that_is_not_understood_names_its_field(
    profiles: Any, expected: str
) -> None:
    assert re.search(expected, refusal_of(caption_profiles=profiles))
