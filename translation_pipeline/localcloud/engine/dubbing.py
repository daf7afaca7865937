"""The translated captions as a sound track: the new voice over what remains of the old sound.

The whole track is never in memory: the voice lies in a temporary file, the old sound passes
through in blocks, and the encoder limits and writes what comes out.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.ducking import Span, ducked
from translation_pipeline.localcloud.engine.encode import encode_sound
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.fitting import Placement, placed
from translation_pipeline.localcloud.engine.sound import (
    RATE_HZ,
    Samples,
    channels_of,
    sound_blocks,
)
from translation_pipeline.localcloud.engine.voices import Voice, lines_to_speak, voice_for

logger = logging.getLogger(__name__)

MONO = 1


@dataclass(frozen=True)
class DubbingSpec:
    """The decisions of SpeechTranslate (ims.md section 4.5) that concern sound.

    `inside_captions` is SubtitleTimeForce; `skip_songs` is SkipSong; `voice` is the name in
    VoiceConfig.
    """

    voice: str | None = None
    inside_captions: bool = False
    skip_songs: bool = False

    def not_honoured_by(self, voice: Voice) -> list[str]:
        """What was asked for and is not done here."""
        if self.voice is None:
            return ["The speaker's own voice is not cloned."]
        if voice.answers_to(self.voice):
            return []
        return [f"VoiceConfig.Voice {self.voice!r}: there is no such voice here."]


@dataclass(frozen=True)
class DubbingReport:
    """How the voice fits the video; the job's record keeps it."""

    voice: str
    lines: tuple[Placement, ...]
    skipped_cues: tuple[int, ...]  # numbers of cues that are not spoken: songs, or no words
    not_honoured: tuple[str, ...]

    @property
    def misfits(self) -> list[Placement]:
        """Lines that had more to say than time."""
        return [line for line in self.lines if not line.fits]

    def as_json(self) -> dict[str, Any]:
        """Plain data, with the number of lines that do not fit."""
        return {**asdict(self), "lines_that_do_not_fit": len(self.misfits)}


def require_voice(language: str) -> None:
    """Raises JobFailed `VoiceMissing`: before the long work, since there may be none."""
    voice_for(language)


def dub(
    source: Path,
    cues: Sequence[Cue],
    language: str,
    spec: DubbingSpec,
    output: Path,
    *,
    duration_s: float,
) -> DubbingReport:
    """Write the dubbed sound of `source`, exactly as long as `duration_s`, to `output`.

    `output` is .wav, or .m4a with AAC. A source without sound gives the voice over silence.

    Raises:
        JobFailed: `VoiceMissing`, `NothingToSay`, `UnreadableSound`, `EncodingFailed`.
    """
    voice = voice_for(language, spec.voice)
    lines = lines_to_speak(cues, language, skip_songs=spec.skip_songs)
    voice.require_speakable(lines)
    spoken = {line.number for line in lines}
    with tempfile.TemporaryDirectory(prefix="voice-") as folder:
        track = _VoiceTrack(Path(folder) / "voice.f32", duration_s)
        placements = track.write(
            placed(lines, voice, duration_s=duration_s, inside_captions=spec.inside_captions)
        )
        if not placements and not spec.skip_songs:
            raise JobFailed(
                "NothingToSay", f"No caption of {source.name} has a word that can be spoken."
            )
        spans = [Span(line.cue.start_ms / 1000, line.cue.end_ms / 1000) for line in lines]
        spans += [Span(line.start_ms / 1000, line.end_ms / 1000) for line in placements]
        channels = channels_of(source) or MONO
        old = sound_blocks(source, channels=channels, duration_s=duration_s)
        encode_sound(track.over(ducked(old, spans)), channels, output)
    report = DubbingReport(
        voice=str(voice),
        lines=tuple(placements),
        skipped_cues=tuple(n for n in range(1, len(cues) + 1) if n not in spoken),
        not_honoured=tuple(spec.not_honoured_by(voice)),
    )
    for line in report.misfits:
        logger.warning("%s: cue %d does not fit: %s", source.name, line.cue, line)
    return report


class _VoiceTrack:
    """The voice alone, one channel as long as the video, in a file."""

    def __init__(self, path: Path, duration_s: float) -> None:
        length = max(1, round(duration_s * RATE_HZ))
        self._samples: NDArray[np.float32] = np.memmap(
            path, dtype=np.float32, mode="w+", shape=(length,)
        )

    def write(self, lines: Iterable[tuple[Placement, Samples]]) -> list[Placement]:
        """Lay each line at its place."""
        placements = []
        for placement, sound in lines:
            start = round(placement.start_ms * RATE_HZ / 1000)
            room = self._samples[start : start + sound.shape[1]]
            room += sound[0, : len(room)]
            placements.append(placement)
        return placements

    def over(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """The sound in `blocks`, from the start, with the voice in all its channels."""
        position = 0
        for block in blocks:
            end = position + block.shape[1]
            yield block + self._samples[position:end]
            position = end
