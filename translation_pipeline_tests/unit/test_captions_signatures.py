"""Signatures: clean captions raise no doubt, each kind of misreading raises its own."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.languages import read_data
from translation_pipeline.captions.phrases import credit_in
from translation_pipeline.captions.signatures import doubt, doubts_of_title

LINES = (
    "我们今天晚上去哪里", "谁也不知道", "别再问我了", "他说的话你别当真",
    "你怎么来了", "妈，我回来了", "林晚，我等了你三年", "现在你告诉我这是假的",
    "你听我解释", "我不想听", "把门关上", "外面下雨了",
    "钱在哪里", "明天早上八点", "别碰我", "放开她",
    "这是谁的孩子", "医生怎么说", "没事的", "走吧",
)  # fmt: skip


def clean(count: int = 60, seed: int = 1) -> list[Cue]:
    """A dialogue: no two neighbours alike, a few short answers repeated."""
    choice = random.Random(seed)
    order = [line + choice.choice(("", "吗", "呢", "啊")) for line in LINES * (count // 20)]
    choice.shuffle(order)
    return [Cue(at * 2500, at * 2500 + 2000, text) for at, text in enumerate(order)]


def rules(cues: list[Cue], **known: float) -> list[str]:
    return [sign.rule for sign in doubt(cues, language="zh", **known).signs]  # type: ignore[arg-type]


def with_cues(extra: list[Cue]) -> list[Cue]:
    return sorted([*clean(), *extra])


def test_a_dialogue_raises_no_doubt() -> None:
    for seed in range(20):
        found = doubt(clean(seed=seed), language="zh", duration_s=150.0, title_density=24.0)
        assert found.signs == ()
        assert found.score == 0


@pytest.mark.parametrize(
    ("rule", "cues"),
    [
        ("no_captions", []),
        ("long_gaps", [*clean(), Cue(400_000, 402_000, "走吧")]),
        (
            "near_duplicates",
            with_cues(
                [Cue(2000, 2400, "我们今天晚土去哪里"), Cue(2400, 2500, "我们今天晚上去哪里")]
            ),
        ),
        ("flashes", with_cues([Cue(2100, 2200, "口")])),
        ("scenery", with_cues([Cue(2000, 2500, "沪A·12345")])),
        ("scenery", with_cues([Cue(2000, 2500, "20:35")])),
        ("scenery", with_cues([Cue(2000, 22_500, "平安小区")])),
        ("credits", with_cues([Cue(2000, 2500, "请不吝点赞 订阅 转发 打赏")])),
        ("mixed_scripts", with_cues([Cue(2000, 2500, "我们Где去")])),
        (
            "low_variety",
            [Cue(at * 2500, at * 2500 + 2000, ("好的", "对")[at % 2]) for at in range(40)],
        ),
    ],
)
def test_each_sign(rule: str, cues: list[Cue]) -> None:
    found = doubt(cues, language="zh")
    assert rule in [sign.rule for sign in found.signs]
    assert 0 < found.score < 1


def test_a_sign_names_its_cues() -> None:
    cues = with_cues([Cue(2100, 2200, "口")])
    (sign,) = doubt(cues, language="zh").signs
    assert [cues[number - 1].text for number in sign.cue_numbers] == ["口"]


@pytest.mark.parametrize("ratio", [0.2, 4.0])
def test_density_is_told_against_the_title(ratio: float) -> None:
    assert rules(clean(), duration_s=150.0, title_density=24 / ratio) == [
        "few_captions" if ratio < 1 else "many_captions"
    ]


def test_the_most_doubtful_file_of_a_title_comes_first() -> None:
    files = {f"{number:02d}": clean(seed=number) for number in range(1, 8)}
    files["04"] = files["04"][:6]
    files["06"] = [
        *files["06"],
        *(Cue(150_000 + at, 150_100 + at, "口") for at in range(0, 9000, 300)),
    ]
    found = doubts_of_title(files, language="zh", durations_s=dict.fromkeys(files, 160.0))
    assert list(found)[:2] == ["06", "04"]
    assert all(found[name].score == 0 for name in list(found)[2:])


def test_a_watermark_that_comes_back_is_scenery_and_a_repeated_answer_is_not() -> None:
    cues = clean()
    for at in range(5, 60, 10):
        cues[at] = Cue(cues[at].start_ms, cues[at].end_ms, "东方影视频道独家播出")
        cues[at + 2] = Cue(cues[at + 2].start_ms, cues[at + 2].end_ms, "好的")
    (sign,) = doubt(cues, language="zh").signs
    assert sign.rule == "scenery"
    assert {cues[number - 1].text for number in sign.cue_numbers} == {"东方影视频道独家播出"}


@given(
    st.lists(
        st.builds(Cue, st.integers(-9, 10**6), st.integers(-9, 10**6), st.text(max_size=20)),
        max_size=8,
    ),
    st.sampled_from(["zh", "en", "xx"]),
)
def test_any_cues_get_a_score(cues: list[Cue], language: str) -> None:
    found = doubt(cues, language=language, duration_s=100.0, title_density=5.0)
    assert 0 <= found.score <= 1
    assert all(1 <= number <= len(cues) for sign in found.signs for number in sign.cue_numbers)


def test_every_credit_has_a_hint_that_finds_it() -> None:
    data = read_data("phrases.yaml")
    for phrase in data["credits"]:
        assert any(hint in phrase for hint in data["credit_hints"])
        assert credit_in(f"xx {phrase} xx") is not None
