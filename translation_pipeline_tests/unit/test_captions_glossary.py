"""Glossaries: read with all problems told, versioned by demand, in the services' forms."""

import pytest
from alibabacloud_ice20201109.models import CreateHotwordLibraryRequest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.glossary import (
    Glossary,
    Term,
    Touched,
    demands_version,
    impact,
    occurrences,
    occurs,
    parse_glossary,
)
from translation_pipeline.captions.glossary_forms import (
    akool_word_lists,
    ims_hotword_libraries,
    too_long_for_ims,
)
from translation_pipeline.errors import ConfigurationError

TEXT = """\
terms:
  - term: 林晚
    translations: {en: Lin Wan, es: Lin Wan}
    note: the heroine
  - term: iPhone
    do_not_translate: true
  - term: 晚
    translations: {"no": kveld}
    spoken: wan
"""


def test_a_glossary_is_read() -> None:
    glossary = parse_glossary(TEXT)
    assert [item.term for item in glossary.terms] == ["林晚", "iPhone", "晚"]
    assert glossary.terms[0].required("es") == "Lin Wan"
    assert glossary.terms[0].required("fr") is None
    assert glossary.terms[1].required("fr") == "iPhone"
    assert glossary.terms[2].translations == {"no": "kveld"}
    assert parse_glossary("").terms == ()


def test_every_problem_is_told_with_its_place() -> None:
    text = """\
terms:
  - 林晚
  - term: ""
  - {term: A, do_not_translate: maybe}
  - {term: B, do_not_translate: true, translations: {en: C}}
  - {term: D, translations: {no: X, xx: Y, en: 5}}
  - {term: a, translation: {en: Z}}
"""
    with pytest.raises(ConfigurationError) as caught:
        parse_glossary(text, "my.yaml")
    told = str(caught.value).split("\n")
    for place, problem in [
        ("terms[0]", "must be a table"),
        ("terms[1]", "`term` must be a word"),
        ("terms[2]", "must be true or false"),
        ("terms[3]", "choose one"),
        ("terms[4]", "False must be text: write it in quotes"),
        ("terms[4]", "'xx' is no known language code"),
        ("terms[4]", "the translation for en must be text"),
        ("terms[5]", "unknown translation"),
        ("terms[5]", "is there twice"),
    ]:
        assert any(line.startswith(f"my.yaml: {place}: ") and problem in line for line in told)


@pytest.mark.parametrize("text", ["- a", "terms: 5", "title: x", "a: [", "5"])
def test_what_is_no_glossary_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_glossary(text)


def test_the_version_follows_from_demands_alone() -> None:
    version = parse_glossary(TEXT).version
    reordered = Glossary(tuple(reversed(parse_glossary(TEXT.replace("heroine", "lead")).terms)))
    assert reordered.version == version
    assert parse_glossary(TEXT.replace("es: Lin Wan", "es: Lin Uán")).version != version
    assert parse_glossary(TEXT.replace("spoken: wan", "spoken: when")).version != version


@pytest.mark.parametrize(
    ("term", "text", "expected"),
    [
        ("林晚", "林晚，你来了", True),
        ("AI", "She said it again", False),
        ("AI", "The AI said it", True),
        ("ai", "这个AI很好", True),
        ("iPhone", "ＩＰＨＯＮＥ！", True),
        ("New York", "in New\nYork now", True),
        ("C++", "learn C++ today", True),
        ("กรุงเทพ", "อยู่กรุงเทพครับ", True),
    ],
)
def test_terms_are_found_as_words(term: str, text: str, expected: bool) -> None:
    assert occurs(term, text) == expected


def test_of_terms_inside_each_other_the_longest_counts() -> None:
    glossary = parse_glossary(TEXT)
    assert [item.term for item in glossary.terms_in("林晚")] == ["林晚"]
    assert [item.term for item in glossary.terms_in("林晚今晚来")] == ["林晚", "晚"]


def test_impact_names_videos_cues_and_languages() -> None:
    old = parse_glossary(TEXT)
    new = parse_glossary(TEXT.replace("es: Lin Wan", "es: Lin Uán"))
    videos = {
        "01": [Cue(0, 1, "你好"), Cue(1, 2, "林晚"), Cue(2, 3, "<i>林晚</i>！")],
        "02": [Cue(0, 1, "你好")],
    }
    assert impact(old, new, videos, ["en", "es"]) == [Touched("01", (2, 3), ("林晚",), ("es",))]
    assert impact(old, new, videos, ["en"]) == []
    kept = Glossary(old.terms[1:])
    (gone,) = impact(old, kept, videos, ["en", "es", "fr"])
    # Without the longer term the one inside of it counts, which is spoken in every language.
    assert (gone.terms, gone.languages) == (("晚", "林晚"), ("en", "es", "fr"))
    # Inside of a longer term it demands nothing, so only the cue where it stands alone counts.
    videos["03"] = [Cue(0, 1, "林晚"), Cue(1, 2, "今晚")]
    assert impact(old, Glossary(old.terms[:2]), videos, ["fr"]) == [
        Touched("03", (2,), ("晚",), ("fr",))
    ]
    assert impact(old.of_captions(), Glossary(old.terms[:2]), videos, ["fr"]) == []


@given(
    st.lists(st.sampled_from(["林", "林晚", "晚", "今晚", "茶"]), unique=True),
    st.lists(st.sampled_from(["林", "林晚", "晚", "今晚", "茶"]), unique=True),
    st.lists(st.text("林今晚茶来", max_size=6), max_size=4),
)
def test_impact_names_what_another_version_is_demanded_of(
    before: list[str], after: list[str], texts: list[str]
) -> None:
    """What is planned anew follows from the version, so both must tell the same."""
    old, new = (
        Glossary(tuple(Term(word, {"en": f"word {len(word)}"}) for word in words))
        for words in (before, after)
    )
    cues = [Cue(number, number + 1, text) for number, text in enumerate(texts)]
    touched = impact(old, new, {"01": cues}, ["en", "es"])
    changed = [
        code
        for code in ("en", "es")
        if demands_version(old, occurrences(old, cues), code)
        != demands_version(new, occurrences(new, cues), code)
    ]
    assert [code for item in touched for code in item.languages] == changed


def test_only_what_is_demanded_of_a_video_makes_its_version() -> None:
    glossary = parse_glossary(TEXT)
    found = occurrences(glossary, [Cue(0, 1, "你好"), Cue(1, 2, "<i>林晚</i>！")])
    assert found == {"林晚": (2,)}
    assert demands_version(glossary, found, "fr") is None
    version = demands_version(glossary, found, "en")
    noted = parse_glossary(TEXT.replace("the heroine", "her name").replace("kveld", "natt"))
    assert demands_version(noted, found, "en") == version
    other = parse_glossary(TEXT.replace("en: Lin Wan", "en: Wan Lin"))
    assert demands_version(other, found, "en") != version
    assert demands_version(other, found, "es") == demands_version(glossary, found, "es")


def test_ims_libraries_are_what_the_sdk_takes() -> None:
    (request,) = ims_hotword_libraries(
        parse_glossary(TEXT), name="剧集", source_language="zh", target_languages=["en", "es"]
    )
    model = CreateHotwordLibraryRequest().from_map(request)
    model.validate()
    assert model.to_map() == request
    assert model.usage_scenario == "VideoTranslation"
    assert [(word.text, word.language) for word in model.hotwords] == [
        ("林晚", "zh"),
        ("iPhone", "zh"),
    ]
    assert [item.translated_text for item in model.hotwords[1].transposition_result_list] == [
        "iPhone",
        "iPhone",
    ]


def test_ims_limits_are_kept() -> None:
    terms = [Term(f"词{number}", {"en": f"word {number}"}) for number in range(650)]
    glossary = Glossary((*terms, Term("长" * 101, {"en": "long"}), Term("短", {"en": "x" * 101})))
    requests = ims_hotword_libraries(
        glossary, name="n" * 200, source_language="zh", target_languages=["en"]
    )
    assert [len(request["Hotwords"]) for request in requests] == [300, 300, 50]
    assert len({request["Name"] for request in requests}) == 3
    assert all(len(request["Name"]) <= 100 for request in requests)
    assert too_long_for_ims(glossary, ["en"]) == ["长" * 101, "短"]


def test_akool_lists() -> None:
    glossary = parse_glossary(TEXT)
    assert akool_word_lists(glossary, "en") == {
        "no_translate_words": ["iPhone"],
        "fixed_words": {"林晚": "Lin Wan"},
        "pronounced_words": {"晚": "wan"},
    }
    assert akool_word_lists(Glossary(), "en") == {}
