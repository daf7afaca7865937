"""Fault plans, when their faults strike, and the books that no fault may falsify."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.localcloud.accounting import Books
from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.fault_dealer import FaultDealer
from translation_pipeline.localcloud.faults import (
    AnswerFault,
    ClockSkew,
    FailingJob,
    FaultPlan,
    FaultPlanError,
    ListDelay,
    Slow,
    UnknownStatus,
    job_faults_from_json,
    job_faults_to_json,
)
from translation_pipeline.localcloud.job_store import JobStore
from translation_pipeline.localcloud.jobs import JobKind, JobOrder, JobState

SUBMIT, READ, LIST = "SubmitVideoTranslationJob", "GetSmartHandleJob", "ListSmartJobs"
TRANSLATION = JobKind.VIDEO_TRANSLATION


def plan(*faults: dict[str, Any], seed: int = 1) -> FaultPlan:
    return FaultPlan.parse(json.dumps({"seed": seed, "faults": faults}))


class TestPlan:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("{", "Invalid JSON"),
            ('{"fault": []}', "fault: Extra inputs"),
            ('{"faults": [{"kind": "quake"}]}', "'quake'"),
            ('{"faults": [{"kind": "drop", "rate": 1.5}]}', "faults.0.drop.rate: "),
            ('{"faults": [{"kind": "drop", "rate": 0}]}', "faults.0.drop.rate: "),
            ('{"faults": [{"kind": "drop", "whn": "after"}]}', "faults.0.drop.whn: "),
            ('{"faults": [{"kind": "drop", "actions": ["Submit"]}]}', "drop.actions.0: "),
            ('{"faults": [{"kind": "throttling", "when": "after"}]}', "throttling.when: "),
            ('{"faults": [{"kind": "slow"}]}', "faults.0.slow.delay_s: Field required"),
            ('{"faults": [{"kind": "shifted_list", "by": 0}]}', "0 moves nothing"),
            ('{"faults": [{"kind": "odd_result", "shape": "round"}]}', "odd_result.shape: "),
        ],
    )
    def test_a_wrong_plan_is_refused_by_fault_and_field(self, text: str, words: str) -> None:
        with pytest.raises(FaultPlanError) as caught:
            FaultPlan.parse(text)
        assert words in str(caught.value)

    def test_faults_of_simulated_jobs_need_a_server_that_simulates(self, tmp_path: Path) -> None:
        faults = plan({"kind": "endless_job"}, {"kind": "list_delay"})
        with pytest.raises(FaultPlanError, match=r"^endless_job: .*--instant"):
            LocalCloudConfig(tmp_path, faults=faults)
        LocalCloudConfig(tmp_path, faults=faults, instant=True)

    def test_a_plan_survives_being_written_and_read(self) -> None:
        whole = plan(
            {"kind": "drop", "when": "after", "actions": [SUBMIT], "skip": 2, "times": 1},
            {"kind": "missing_output", "delay_s": 3},
            {"kind": "slow", "delay_s": 0.5, "actions": ["OSS.HEAD"], "rate": 0.25},
        )
        assert FaultPlan.parse(whole.model_dump_json()) == whole

    def test_what_a_job_was_dealt_survives_too(self) -> None:
        faults = (ListDelay(delay_s=3), FailingJob(code="字幕 invalid"))
        assert job_faults_from_json(job_faults_to_json(faults)) == faults
        assert job_faults_to_json(()) is None


class TestDealer:
    @given(
        seed=st.integers(),
        rate=st.floats(0.01, 1),
        skip=st.integers(0, 5),
        times=st.none() | st.integers(1, 5),
    )
    def test_the_same_calls_meet_the_same_faults(
        self, seed: int, rate: float, skip: int, times: int | None
    ) -> None:
        drop = {"kind": "drop", "rate": rate, "skip": skip, "times": times}
        dealers = [FaultDealer(plan(drop, seed=seed)) for _ in range(2)]
        first, second = (
            [dealer.deal_on_wire(AnswerFault, READ, "before") is not None for _ in range(40)]
            for dealer in dealers
        )
        assert first == second
        assert not any(first[:skip])
        assert times is None or sum(first) <= times
        assert dealers[0].dealt["drop_before"] == sum(first)

    def test_rate_is_kept_and_other_seeds_strike_elsewhere(self) -> None:
        struck = []
        for seed in (1, 2):
            dealer = FaultDealer(plan({"kind": "throttling", "rate": 0.3}, seed=seed))
            struck.append(
                [bool(dealer.deal_on_wire(AnswerFault, READ, "before")) for _ in "x" * 5000]
            )
        assert struck[0] != struck[1]
        assert all(0.27 < sum(calls) / 5000 < 0.33 for calls in struck)

    def test_a_scripted_fault_waits_for_the_call_it_is_meant_for(self) -> None:
        dealer = FaultDealer(
            plan({"kind": "drop", "when": "after", "actions": [SUBMIT], "times": 1, "skip": 1})
        )
        assert dealer.deal_on_wire(AnswerFault, READ, "after") is None
        assert dealer.deal_on_wire(AnswerFault, SUBMIT, "before") is None
        assert dealer.deal_on_wire(Slow, SUBMIT, "after") is None
        assert dealer.deal_on_wire(AnswerFault, SUBMIT, "after") is None, "the first is passed over"
        assert dealer.deal_on_wire(AnswerFault, SUBMIT, "after") is not None
        assert dealer.deal_on_wire(AnswerFault, SUBMIT, "after") is None
        assert dealer.standing() == [{"kind": "drop", "chances": 2, "struck": 1}]

    def test_of_several_answers_the_first_that_strikes_is_given_and_counted(self) -> None:
        dealer = FaultDealer(
            plan({"kind": "throttling", "times": 1}, {"kind": "html_error", "times": 1})
        )
        kinds = [
            fault and fault.kind
            for fault in (dealer.deal_on_wire(AnswerFault, READ, "before") for _ in range(3))
        ]
        assert kinds == ["throttling", "html_error", None]
        assert dealer.dealt == {"throttling": 1, "html_error_before": 1}

    def test_calls_of_oss_are_spared_unless_named(self) -> None:
        dealer = FaultDealer(plan({"kind": "drop"}))
        assert dealer.deal_on_wire(AnswerFault, "OSS.HEAD", "before") is None
        dealer.load(plan({"kind": "drop", "actions": ["OSS.HEAD"]}))
        assert dealer.deal_on_wire(AnswerFault, "OSS.HEAD", "before") is not None

    def test_a_new_plan_begins_anew_while_the_counts_go_on(self) -> None:
        once = plan({"kind": "clock_skew", "times": 1})
        dealer = FaultDealer(once)
        for _ in range(3):
            dealer.load(once)
            assert dealer.deal(ClockSkew, READ) is not None
            assert dealer.deal(ClockSkew, READ) is None
        assert dealer.dealt["clock_skew"] == 3

    def test_a_job_gets_all_faults_that_strike_it(self) -> None:
        dealer = FaultDealer(
            plan(
                {"kind": "list_delay"},
                {"kind": "odd_result", "shape": "empty"},
                {"kind": "failing_job", "actions": ["SubmitIProductionJob"]},
            )
        )
        kinds = [fault.kind for fault in dealer.deal_to_job(SUBMIT)]
        assert kinds == ["list_delay", "odd_result"]
        captions = [fault.kind for fault in dealer.deal_to_job("SubmitIProductionJob")]
        assert captions == ["list_delay", "failing_job"]

    def test_unknown_words_end_after_their_reads_or_never(self) -> None:
        dealer = FaultDealer(FaultPlan())
        twice, ever = [UnknownStatus(word="Odd", reads=2)], [UnknownStatus(word="Ever")]
        assert [dealer.unknown_word("a", twice) for _ in range(3)] == ["Odd", "Odd", None]
        assert dealer.unknown_word("b", twice) == "Odd", "each job has reads of its own"
        assert {dealer.unknown_word("c", ever) for _ in range(20)} == {"Ever"}
        assert dealer.unknown_word("d", []) is None


def order(identity: str, *, output: str = "out.mp4", user_data: str = "") -> JobOrder:
    return JobOrder(
        kind=TRANSLATION,
        wire={"UserData": user_data},
        work={"target_keys": {"pt": output}, "level": "speech"},
        inputs={"video": ObjectAddress("in", "视频.mp4")},
        output=ObjectAddress("out", output),
        identity=identity,
    )


@dataclass
class Ledger:
    """A store of jobs and the books over it."""

    store: JobStore
    books: Books

    def submit(self, identity: str, **others: str) -> str:
        return self.store.submit(order(identity, **others))

    def end(self, job_id: str, *, failed: bool) -> None:
        job = self.store.get(TRANSLATION, job_id)
        assert job is not None
        if failed:
            self.store.fail(job, "JobFailed", "as planned")
        else:
            self.store.finish(job, {"outputs": []}, billed_minutes=3)

    def account(self) -> dict[str, Any]:
        return self.books.account()[TRANSLATION.value]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    store = JobStore(tmp_path / "jobs.sqlite")
    yield Ledger(store, Books(tmp_path / "jobs.sqlite"))
    store.close()


class TestBooks:
    def test_nothing_accepted(self, ledger: Ledger) -> None:
        account = ledger.account()
        assert account["accepted"] == account["billed_minutes"] == account["cost_units"] == 0
        assert account["duplicates_by_output"] == 0

    def test_each_sameness_is_counted_by_itself_and_named(self, ledger: Ledger) -> None:
        ledger.submit("a", output="1.mp4", user_data="x")
        by_content = ledger.submit("a", output="2.mp4")
        by_output = ledger.submit("b", output="1.mp4")
        by_user_data = ledger.submit("c", output="3.mp4", user_data="x")
        account = ledger.account()
        assert account["accepted"] == account["waiting"] == 4
        assert account["duplicate_job_ids_by_content"] == [by_content]
        assert account["duplicate_job_ids_by_output"] == [by_output]
        assert account["duplicate_job_ids_by_user_data"] == [by_user_data]

    def test_trying_again_after_a_failure_is_no_duplicate_trying_before_it_is(
        self, ledger: Ledger
    ) -> None:
        first = ledger.submit("a", output="1.mp4")
        early = ledger.submit("a", output="2.mp4")
        for job_id in (first, early):
            ledger.end(job_id, failed=True)
        ledger.submit("a", output="3.mp4")
        assert ledger.account()["duplicate_job_ids_by_content"] == [early]

    def test_only_what_finished_is_billed(self, ledger: Ledger) -> None:
        for number, failed in enumerate((False, True)):
            ledger.end(ledger.submit(str(number)), failed=failed)
        account = ledger.account()
        assert (account["finished"], account["failed"]) == (1, 1)
        assert (account["billed_minutes"], account["cost_units"]) == (3, 30.0)

    def test_named_duplicates_are_bounded_counted_ones_are_not(self, ledger: Ledger) -> None:
        with ledger.store.transaction():
            for _ in range(151):
                ledger.submit("same")
        account = ledger.account()
        assert account["duplicates_by_content"] == 150
        assert len(account["duplicate_job_ids_by_content"]) == 100

    def test_lines_tell_what_changed_since_then(self, ledger: Ledger) -> None:
        old = ledger.submit("old")
        ledger.end(old, failed=False)
        told = [json.loads(line) for line in "".join(ledger.books.lines(0)).splitlines()]
        assert [line["job_id"] for line in told] == [old]
        assert list(ledger.books.lines(told[0]["finished_at"] + 0.001)) == []
        ledger.submit("new", output='a "quoted" 视频.mp4', user_data='{"k":"ü"}')
        everything = [json.loads(line) for line in "".join(ledger.books.lines(0)).splitlines()]
        assert [line["number"] for line in everything] == [1, 2]
        line = everything[1]
        assert line["output"] == 'oss://out/a "quoted" 视频.mp4'
        assert (line["user_data"], line["state"]) == ('{"k":"ü"}', JobState.WAITING.value)
        assert line["finished_at"] is None


class TestStore:
    def test_a_delayed_job_is_read_by_id_before_it_is_listed(self, ledger: Ledger) -> None:
        hidden = ledger.store.submit(order("a"), [ListDelay(delay_s=60)])
        shown = ledger.submit("b")
        page = ledger.store.page(TRANSLATION, state=None, ascending=False, limit=10)
        assert [job.job_id for job in page] == [shown]
        assert ledger.store.get(TRANSLATION, hidden) is not None

    @pytest.mark.parametrize("ascending", [True, False])
    def test_a_shifted_page_repeats_or_skips_exactly_as_many_jobs(
        self, ledger: Ledger, ascending: bool
    ) -> None:
        for number in range(9):
            ledger.submit(str(number))
            ledger.store.submit(  # jobs of the other kind lie between
                JobOrder(**{**vars(order("c")), "kind": JobKind.CAPTION_EXTRACTION})
            )

        def page(**changes: Any) -> list[int]:
            wanted = {"state": None, "ascending": ascending, "limit": 3, **changes}
            return [job.number for job in ledger.store.page(TRANSLATION, **wanted)]

        whole = page(limit=9)
        assert page(beyond=whole[2]) == whole[3:6]
        assert page(beyond=whole[2], offset=-2) == whole[1:4]
        assert page(beyond=whole[2], offset=2) == whole[5:8]
        assert page(beyond=whole[2], offset=-3) == page(beyond=whole[2], offset=-99) == whole[:3]
