"""`bench captions-check`: read, repair and judge a catalog with all rules, next to bare parsers.

The catalog is generated, file by file, with the faults that files have in the field, and never
held in memory as a whole. Every file goes through all programs in turn, and their processor time
counts, so that what else the machine does weighs on none of them. With several processes it is the
time on the clock that counts. Parsers get decoded text; ours gets bytes.
"""

from __future__ import annotations

import logging
import random
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any, Final

import pysrt
import pysubs2

from translation_pipeline.captions.checking import check_captions
from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.profiles import profile_of
from translation_pipeline.captions.srt import compose_srt
from translation_pipeline.errors import CaptionsUnreadable

FILES: Final = 4000
MEAN_CUES: Final = 275
# Shares of a catalog's files; one in five with an empty cue is what a real catalog of 147 had.
EMPTY_CUE: Final = 0.2
CRLF: Final = 0.3
BYTE_ORDER_MARK: Final = 0.1
RARE_FAULT: Final = 0.02
OVERLAP: Final = 0.05
OLD_ENCODING: Final = 0.01
TWO_LINES: Final = 0.1  # of the cues
TOO_FAST: Final = 0.02  # of the cues
WARM_UP: Final = 0.1  # of the files, before memory is measured for growth
WARM_UP_FILES: Final = 100  # they have all languages and faults, and an older encoding

_PARTS: Final = {
    "zh": (
        ("我", "你", "他", "林晚", "妈妈", "老王", "谁", "我们", "大家", "医生"),
        ("今天", "昨天晚上", "为什么", "真的", "从来没有", "已经", "一定要", "还是", "终于", ""),
        ("去了医院", "知道这件事", "回家吃饭", "相信她", "看见他了", "拿走了钱", "离开",
         "等你三年"),
        ("吗", "呢", "啊", "了", "", "，对不对", "，别哭", "，走吧"),
    ),
    "en": (
        ("I", "You", "My brother", "Nobody", "The doctor", "She", "We", "That man", "Mom"),
        (" never", " always", " really", " just", " already", " still", "", " finally"),
        (" went to the hospital", " knew about it", " came home", " took the money", " saw him",
         " waited three years", " told me so", " left the city yesterday"),
        (".", "?", "!", ", you know.", ", right?", " again.", " with her.", "..."),
    ),
    "es": (
        ("Yo", "Tú", "Mi hermano", "Nadie", "El médico", "Ella", "Mamá", "¿Quién"),
        (" nunca", " siempre", " ya", " todavía", "", " por fin", " también"),
        (" fue al hospital", " lo sabía", " volvió a casa", " cogió el dinero", " me lo dijo ayer"),
        (".", "!", "...", ", ¿verdad?", " otra vez.", " con ella."),
    ),
    "ja": (
        ("私は", "あなたは", "母が", "先生が", "誰も", "彼は", "みんな"),
        ("今日", "もう", "本当に", "昨日", "まだ", ""),
        ("病院に行った", "家に帰る", "知らない", "信じている", "待っていた", "見た"),
        ("の？", "よ", "ね", "。", "", "んだ"),
    ),
    "ar": (
        ("أنا", "أنت", "أخي", "لا أحد", "الطبيب", "هي", "نحن"),
        (" لم يعد", " دائما", " حقا", " الآن", "", " أخيرا"),
        (" في المستشفى", " يعرف ذلك", " إلى البيت", " أخذ المال", " غادر المدينة"),
        (".", "؟", "!", " مرة أخرى.", " معها."),
    ),
    "hi": (
        ("मैं", "तुम", "मेरा भाई", "कोई नहीं", "डॉक्टर", "वह", "हम"),
        (" कभी", " हमेशा", " सच में", " आज", "", " आखिरकार"),
        (" अस्पताल गया", " यह जानता है", " घर आया", " पैसे ले गया", " शहर छोड़ गया"),
        ("।", "?", "!", " फिर से।", " उसके साथ।"),
    ),
}  # fmt: skip
# Of two of these each, words that make lines as different as dialogue is.
_SYLLABLES: Final = {
    "zh": "春夏秋冬东南西北风花雪月山川江河湖海云雨雷电金木水火土石田林竹松梅兰菊荷",
    "ja": "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモラリルレロ",
    "en": ("ba", "con", "der", "fin", "gal", "hem", "in", "jor", "kel", "lam", "mor", "nes", "per",
           "quin", "rad", "sol", "tan", "ur", "ven", "wil", "yor", "zan"),
    "es": ("ba", "cor", "de", "fe", "go", "lla", "me", "no", "pa", "que", "ra", "so", "ti", "vi"),
    "ar": ("با", "كر", "دي", "فن", "جل", "حم", "لم", "نس", "بر", "را", "سل", "تن", "ون", "ور"),
    "hi": ("का", "मी", "रे", "शो", "ना", "दी", "पू", "ले", "बा", "गि", "तो", "हु", "चा", "सि"),
}  # fmt: skip
_SHARES: Final = {"zh": 45, "en": 25, "es": 10, "ja": 8, "ar": 7, "hi": 5}


@dataclass(frozen=True)
class GeneratedFile:
    """A caption file of the catalog: its bytes, the same as text for parsers, and its language."""

    data: bytes
    text: str
    language: str
    duration_s: float


@dataclass
class Measured:
    """What one pass over a part of the catalog came to; seconds by program."""

    files: int = 0
    cues: int = 0
    findings: int = 0
    repaired_files: int = 0
    blocked_files: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.process_time

    def timed(self, program: str, work: Callable[[], Any]) -> Any:
        """The result of `work`, its time added to the program's."""
        started = self.clock()
        result = work()
        spent = self.clock() - started
        self.seconds[program] = self.seconds.get(program, 0.0) + spent
        return result

    def rate(self, program: str) -> int:
        """Cues a second; 0 for a program that was not measured."""
        spent = self.seconds.get(program)
        return round(self.cues / spent) if spent else 0


def run(
    files: int = FILES,
    *,
    processes: int = 2,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure the catalog in this process next to other parsers, then with `processes`."""
    parsers = _parsers()
    measured, memory_mb = Measured(), [_peak_memory_mb()]
    _warm_up(parsers)
    for step in _steps(files):
        _measure(step, measured, parsers)
        memory_mb.append(_peak_memory_mb())
        progress(f"{measured.files}/{files} files, {measured.rate('ours')} cues/s")
    result = {
        "files": measured.files,
        "cues": measured.cues,
        "findings": measured.findings,
        "repaired_files": measured.repaired_files,
        "blocked_files": measured.blocked_files,
        "files_per_s": round(measured.files / measured.seconds["ours"]),
        "cues_per_s": measured.rate("ours"),
        **{f"{name}_cues_per_s": measured.rate(name) for name in ("pysrt", "srt", "pysubs2")},
        "peak_memory_mb": round(memory_mb[-1], 1),
        "memory_growth_mb": round(memory_mb[-1] - memory_mb[1], 1),
    }
    if processes > 1:
        progress(f"the same with {processes} processes …")
        result["processes"] = processes
        result["processes_cues_per_s"] = _with_processes(files, processes)
    return result


def generate(number: int) -> GeneratedFile:
    """File `number` of the catalog; the same number gives the same file."""
    choice = random.Random(number)  # noqa: S311 - no secret
    language = choice.choices(list(_SHARES), list(_SHARES.values()))[0]
    cues = _cues(choice, language, round(choice.triangular(60, 570, 201)))
    text = compose_srt(_with_faults(choice, cues))
    if choice.random() < RARE_FAULT:
        text = _damaged(choice, text)
    duration_s = cues[-1].end_ms / 1000 + 5
    newline = "\r\n" if choice.random() < CRLF else "\n"
    if language == "zh" and choice.random() < OLD_ENCODING * 2:
        data = text.replace("\n", newline).encode("gb18030")
    else:
        mark = "utf-8-sig" if choice.random() < BYTE_ORDER_MARK else "utf-8"
        data = text.replace("\n", newline).encode(mark)
    return GeneratedFile(data, text, language, duration_s)


def _cues(choice: random.Random, language: str, count: int) -> list[Cue]:
    cues, at_ms, profile = [], choice.randrange(500, 5000), profile_of(language)
    for _ in range(count):
        line = _line(choice, language)
        if choice.random() < TWO_LINES:
            line += "\n" + _line(choice, language)
        # As long as it takes to read, and a little more: subtitlers keep to their profile.
        shown_ms = round(max(900, profile.length(line) * 1000 / profile.max_cps))
        shown_ms += choice.randrange(0, 1200) if choice.random() > TOO_FAST else -200
        cues.append(Cue(at_ms, at_ms + shown_ms, line))
        at_ms += shown_ms + choice.choice((0, 120, 400, 1500))
    return cues


def _line(choice: random.Random, language: str) -> str:
    """A line of dialogue; nearly all fit into the limits of their language."""
    subjects, adverbs, acts, ends = _PARTS[language]
    for _ in range(3):
        parts = (choice.choice(subjects), choice.choice(adverbs), choice.choice(acts))
        thing = "".join(choice.choice(_SYLLABLES[language]) for _ in range(2))
        line = f"{''.join(parts)}{' ' if ' ' in parts[2] else ''}{thing}{choice.choice(ends)}"
        if profile_of(language).length(line) <= profile_of(language).max_line_length:
            return line
    return line


def _with_faults(choice: random.Random, cues: Sequence[Cue]) -> list[Cue]:
    """The cues with the faults that the model can hold."""
    changed = list(cues)

    def change(share: float, to: Callable[[Cue], Cue]) -> None:
        if choice.random() < share:
            at = choice.randrange(len(changed) - 1)
            changed[at] = to(changed[at])

    change(EMPTY_CUE, lambda cue: Cue(cue.start_ms, cue.end_ms, ""))
    change(OVERLAP, lambda cue: Cue(cue.start_ms, cue.end_ms + 300, cue.text))
    change(RARE_FAULT, lambda cue: Cue(cue.start_ms, cue.start_ms, cue.text))
    change(RARE_FAULT, lambda cue: Cue(cue.start_ms, cue.end_ms, f"{{\\an8}}{cue.text}"))
    change(RARE_FAULT, lambda cue: Cue(cue.start_ms, cue.end_ms, f" <i>{cue.text}</i>"))
    change(RARE_FAULT, lambda cue: Cue(cue.start_ms, cue.start_ms + 120, "口"))
    change(RARE_FAULT, lambda cue: Cue(cue.start_ms, cue.end_ms, "www.example.com"))
    if choice.random() < RARE_FAULT:
        at = choice.randrange(len(changed))
        changed.insert(at, changed[at])
    if choice.random() < RARE_FAULT:
        changed.reverse()
    return changed


def _damaged(choice: random.Random, text: str) -> str:
    """The text of a file with a fault that only the format can have."""
    kind = choice.randrange(5)
    if kind == 0:
        return "\n\n".join(block.partition("\n")[2] for block in text.split("\n\n"))
    if kind == 1:
        return text.replace(" --> ", " -> ")
    if kind == 2:
        return text.replace(",", ".")
    if kind == 3:
        return text[: len(text) * 2 // 3]
    return text.replace("00:0", "OO:0", 1)


def _parsers() -> dict[str, Callable[[str], Any]]:
    found: dict[str, Callable[[str], Any]] = {
        "pysrt": pysrt.from_string,
        "pysubs2": partial(pysubs2.SSAFile.from_string, format_="srt"),
    }
    try:
        import srt  # type: ignore[import-untyped,unused-ignore]
    except ModuleNotFoundError:  # only the comparison needs it
        return found
    logging.getLogger("srt").setLevel(logging.ERROR)  # it quotes all that it skips
    return {**found, "srt": lambda text: list(srt.parse(text, ignore_errors=True))}


def _steps(files: int) -> Iterable[range]:
    """The numbers of files, in parts after which memory is read and progress told."""
    part = max(1, round(files * WARM_UP))
    return (range(at, min(at + part, files)) for at in range(0, files, part))


def _measure(
    numbers: Iterable[int], measured: Measured, parsers: dict[str, Callable[[str], Any]]
) -> None:
    for number in numbers:
        generated = generate(number)
        _check(generated, measured)
        for name, parse in parsers.items():
            measured.timed(name, partial(parse, generated.text))


def _warm_up(parsers: dict[str, Callable[[str], Any]]) -> None:
    """Load what a long run loads once: data of languages and encodings, and all the code."""
    _measure(range(WARM_UP_FILES), Measured(), parsers)


def _check(generated: GeneratedFile, measured: Measured) -> None:
    work = partial(
        check_captions,
        generated.data,
        language=generated.language,
        duration_s=generated.duration_s,
    )
    measured.files += 1
    try:
        checked = measured.timed("ours", work)
    except CaptionsUnreadable:
        measured.blocked_files += 1
        return
    measured.cues += len(checked.parsed.cues)
    measured.findings += len(checked.findings)
    measured.repaired_files += bool(checked.repaired.applied)
    measured.blocked_files += bool(checked.errors)


def _with_processes(files: int, processes: int) -> int:
    """Cues a second of all processes together, each with its share of the files."""
    shares = [range(at, files, processes) for at in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(_share, shares))
    return round(sum(part.cues for part in parts) / max(part.seconds["ours"] for part in parts))


def _share(numbers: Iterable[int]) -> Measured:
    _warm_up({})
    measured = Measured(clock=time.perf_counter)
    _measure(numbers, measured, {})
    return measured


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
