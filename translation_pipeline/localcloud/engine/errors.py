"""The one way in which media work fails: a code for programs and a message for people."""

from __future__ import annotations


class JobFailed(Exception):  # noqa: N818
    """A job cannot be done. `code` is one of the codes below, `message` says what to do.

    The real services publish no list of job-level codes (ims.md section 11); these are ours:

    ==============================  ==========================================================
    UnreadableVideo                 empty, truncated, no video, or does not decode
    NoCaptionsFound                 nothing readable in the caption region
    InvalidSubtitle                 the subtitle file is missing, is no SRT, or has an empty cue
    InvalidParameter                a value that contradicts another or is out of range
    FontMissing                     no installed font covers the characters of the text
    TranslationPairUnsupported      nothing that is set up translates between the two languages
    TranslationFailed               the translator answered wrongly or not at all
    SpeechRecognitionUnavailable    the job asks for text from speech, and no model is set up
    NoAudioStream                   it asks for speech, and the video has no sound
    NoSpeechFound                   nobody was understood in a sound file
    UnreadableSound                 the sound does not decode
    VoiceMissing                    no voice speaks the target language, or this text of it
    NothingToSay                    no caption has a word to be spoken
    VideoTooLong                    longer than the service takes
    EncodingFailed                  the encoder stopped; its last words are in the message
    ==============================  ==========================================================
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type[JobFailed], tuple[str, str]]:
        """Jobs run in worker processes: the error has to survive pickling."""
        return (JobFailed, (self.code, self.message))
