"""What happens in the sample title: who says what and when, and how each episode looks and sounds.

All caption times are whole frames at 25 frames a second (multiples of 40 ms), so that the SRT is
true to the frame, and none lies on a 200 ms grid, so that a reader that samples five frames a
second cannot hit them by luck.
"""

from __future__ import annotations

from dataclasses import dataclass

from translation_pipeline.captions.srt import Cue

FRAMES_PER_SECOND = 25


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker: an espeak-ng voice, its speed (words a minute) and its pitch (0 to 99)."""

    espeak_name: str
    words_per_minute: int
    pitch: int


NARRATOR = Voice("en-us+f2", 150, 50)
RABBIT = Voice("en-gb+m3", 150, 30)
BIRD = Voice("en-us+f4", 155, 70)
BROTHER = Voice("en-us+m7", 145, 40)


@dataclass(frozen=True, slots=True)
class Line:
    """A caption and the voice that speaks it."""

    voice: Voice
    cue: Cue


@dataclass(frozen=True, slots=True)
class Frame:
    """A 16:9 part of the 1280x720 source picture, in pixels."""

    x: int
    y: int
    width: int

    @property
    def height(self) -> float:
        return self.width * 9 / 16


@dataclass(frozen=True, slots=True)
class Shot:
    """How an episode is filmed out of the five seconds of source.

    `order` is the ffmpeg filter chain that arranges the source frames; they are then slowed down
    `slowdown` times and cut at `duration_s`, while the camera glides from frame `start` to frame
    `end` in `glide_s` seconds.
    `grade` is the ffmpeg filter chain that gives the colours of the time of day.
    """

    order: str
    slowdown: float
    duration_s: float
    start: Frame
    end: Frame
    glide_s: float
    grade: str


@dataclass(frozen=True, slots=True)
class Music:
    """Plucked chords in an endless loop, as MIDI note numbers; one note every `note_s` seconds."""

    chords: tuple[tuple[int, ...], ...]
    note_s: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One episode before it is filmed."""

    name: str
    shot: Shot
    music: Music
    lines: tuple[Line, ...]

    @property
    def cues(self) -> tuple[Cue, ...]:
        return tuple(line.cue for line in self.lines)


MORNING = Scene(
    name="episode-1",
    shot=Shot(
        order="null",
        slowdown=4.0,
        duration_s=20.8,
        start=Frame(40, 170, 830),
        end=Frame(0, 0, 1280),
        glide_s=8.5,
        grade="eq=contrast=1.03:saturation=1.1",
    ),
    music=Music(((60, 64, 67, 72), (57, 60, 64, 69), (53, 57, 60, 65), (55, 59, 62, 67)), 0.32),
    lines=(
        Line(NARRATOR, Cue(840, 3280, "The long winter was finally over.")),
        Line(NARRATOR, Cue(3640, 6440, "Under the old tree, someone woke up.")),
        Line(RABBIT, Cue(7120, 8920, "It is a beautiful morning.")),
        Line(RABBIT, Cue(9040, 12360, "I slept for three months,\nand I am very hungry.")),
        Line(BIRD, Cue(13160, 15160, "Good morning, my friend.")),
        Line(BIRD, Cue(15240, 17440, "A letter came for you last night.")),
        Line(RABBIT, Cue(17960, 20120, "A letter? Who wrote to me?")),
    ),
)

SUNSET = Scene(
    name="episode-2",
    shot=Shot(
        order=(
            "hflip,trim=start=2.2,setpts=PTS-STARTPTS,split[forth][back];"
            "[back]reverse[reversed];[forth][reversed]concat"
        ),
        slowdown=3.5,
        duration_s=21.2,
        start=Frame(420, 0, 860),
        end=Frame(500, 20, 700),
        glide_s=21.2,
        grade="colorchannelmixer=rr=.6:rg=.5:gr=.2:gg=.62:br=.1:bb=.7,eq=contrast=1.06",
    ),
    music=Music(((57, 60, 64, 69), (52, 55, 59, 64), (53, 57, 60, 65), (52, 56, 59, 64)), 0.48),
    lines=(
        Line(BIRD, Cue(920, 2880, "The letter is from your brother.")),
        Line(RABBIT, Cue(3320, 5720, "I have not seen him for ten years.")),
        Line(RABBIT, Cue(5720, 8080, "He left without saying goodbye.")),
        Line(BIRD, Cue(8960, 12040, "He wants to see you tonight\nat the old bridge.")),
        Line(BIRD, Cue(12480, 14560, "Maybe he regrets it now.")),
        Line(RABBIT, Cue(15360, 17120, "What if he is still angry?")),
        Line(RABBIT, Cue(18040, 19760, "I need to know the truth.")),
    ),
)

NIGHT = Scene(
    name="episode-3",
    shot=Shot(
        order="reverse",
        slowdown=4.6,
        duration_s=23.8,
        start=Frame(560, 30, 720),
        end=Frame(0, 20, 1080),
        glide_s=11.0,
        grade=(
            "colorchannelmixer=rr=.5:rb=.12:gg=.55:gb=.10:bg=.12:bb=.85,"
            "eq=saturation=0.8:gamma=0.95,vignette=PI/5"
        ),
    ),
    music=Music(((53, 57, 60, 64), (50, 53, 57, 60), (55, 58, 62, 65), (48, 52, 55, 60)), 0.64),
    lines=(
        Line(NARRATOR, Cue(720, 2960, "The moon rose over the hills.")),
        Line(RABBIT, Cue(3240, 6040, "I waited for hours, and nobody came.")),
        Line(BIRD, Cue(6440, 9680, "Wait, someone is standing\nbehind the tree.")),
        Line(BROTHER, Cue(10480, 12720, "I was afraid to come closer.")),
        Line(RABBIT, Cue(13040, 15120, "You came back, my brother!")),
        Line(BROTHER, Cue(15320, 17960, "I am sorry. I missed you so much.")),
        Line(BROTHER, Cue(18080, 19480, "Can you forgive me?")),
        Line(RABBIT, Cue(20360, 23160, "Come inside. The soup is still warm.")),
    ),
)

SCENES: tuple[Scene, ...] = (MORNING, SUNSET, NIGHT)
