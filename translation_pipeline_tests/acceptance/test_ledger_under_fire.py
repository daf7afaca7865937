"""The promises of the ledger with real processes, real kills and a misbehaving cloud.

Smaller than `translation-pipeline bench crash` and `bench chaos`, which do the same at length.
"""

from __future__ import annotations

import pytest

from translation_pipeline.benchmarks import chaos, crash
from translation_pipeline.benchmarks.mortality import POINTS


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_workers_killed_at_every_point(database: str) -> None:
    found = crash.run([database], jobs=180, kills_per_point=1)["databases"][database]
    assert set(found["kills_per_point"]) == set(POINTS)
    assert found["paid_twice"] == 0
    assert found["lost"] == 0
    assert found["illegal_events"] == 0
    assert found["unknown_without_reason"] == 0
    assert found["unknown_that_could_be_proven"] == 0


def test_chaos() -> None:
    found = chaos.run(100)
    assert found["jobs"] == 100
    assert found["paid_twice"] == 0
    assert found["wrong_state"] == 0
    assert found["over_budget"] == 0
    assert found["faults"], "nothing went wrong: the test proves nothing"
