"""IMS on the wire: who may call which action of API version 2020-11-09 (ims.md).

The actions are in `ims_jobs` and `ims_media`, what a submit call may ask for in `ims_orders`, the
bodies of answers in `ims_answers`; behaviour lives in `jobs` and the engines.
"""

from __future__ import annotations

import logging
import time

from starlette.requests import Request
from starlette.responses import Response

from translation_pipeline.localcloud import rpc
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.fault_dealer import FaultDealer
from translation_pipeline.localcloud.faults import ClockSkew
from translation_pipeline.localcloud.ims_jobs import JobActions
from translation_pipeline.localcloud.ims_media import MediaActions
from translation_pipeline.localcloud.ims_orders import ImsOrders
from translation_pipeline.localcloud.instant_jobs import InstantEngine
from translation_pipeline.localcloud.job_engine import MEDIA_FUNCTIONS, Engine, JobEngine
from translation_pipeline.localcloud.job_store import JobStore
from translation_pipeline.localcloud.media_assets import MediaAssets
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.requests import RequestFacts
from translation_pipeline.localcloud.rpc import Parameters, RpcError
from translation_pipeline.localcloud.signatures import NonceMemory, SignatureRefused, verify_acs3
from translation_pipeline.localcloud.worker_process import WorkerProcess

REGISTRATION_S = 2.0  # ims.md section 8: 2 to 3 s

INTERNAL_ERROR = RpcError(
    "InternalError", "The request failed inside the server; its log says why.", 500
)

logger = logging.getLogger(__name__)


class ImsService:
    """Intelligent Media Services of one region."""

    def __init__(self, config: LocalCloudConfig, store: ObjectStore, faults: FaultDealer) -> None:
        self._config = config
        self._faults = faults
        self._nonces = NonceMemory()
        config.data_dir.mkdir(parents=True, exist_ok=True)
        self._jobs = JobStore(config.jobs_database)
        self._assets = MediaAssets(
            config.jobs_database, registration_s=0.0 if config.instant else REGISTRATION_S
        )
        self._engine = _engine(config, self._jobs, store, self._assets)
        orders = ImsOrders(store, self._assets, config.region)
        self._actions = {
            **JobActions(self._jobs, orders, self._engine, faults, config.region).by_name,
            **MediaActions(self._assets, orders, config.region).by_name,
        }

    async def start(self) -> None:
        """Begin to work off jobs, those of an earlier run first."""
        await self._engine.start()

    async def stop(self) -> None:
        """End all worker processes; unfinished jobs run at the next start."""
        await self._engine.stop()
        self._jobs.close()
        self._assets.close()

    async def handle(self, request: Request) -> Response:
        """Answer one call."""
        host = request.headers.get("host", "")
        name = request.headers.get("x-acs-action", "")
        try:
            parameters = await self._verified(request, name)
            self._require_right(name)
            action = self._actions.get(name)
            if action is None:
                raise RpcError(
                    "InvalidApi.NotFound", "Specified api is not found, please check your url.", 404
                )
            return rpc.answer(await action(parameters))
        except RpcError as error:
            return rpc.refusal(error, host)
        except Exception:
            logger.exception("%s", name)
            return rpc.refusal(INTERNAL_ERROR, host)

    async def _verified(self, request: Request, action: str) -> Parameters:
        """The parameters of a call that is signed as sdk-wire.md A4 says. Raises `RpcError`."""
        facts = RequestFacts.from_scope(request.scope)
        skew = self._faults.deal(ClockSkew, action)
        try:
            verify_acs3(
                facts,
                await request.body(),
                self._config.access_keys,
                self._nonces,
                time.time() + (skew.offset_s if skew else 0.0),
            )
        except SignatureRefused as refused:
            raise RpcError(refused.code, str(refused), refused.http_status) from None
        return facts.parameters

    def _require_right(self, action: str) -> None:
        refusal = self._faults.deal_refusal(f"ice:{action}")
        if refusal is not None:
            code = refusal.code or "NoPermission"
            raise RpcError(code, f"The account is not allowed to call ice:{action}.", 403)


def _engine(
    config: LocalCloudConfig, jobs: JobStore, store: ObjectStore, assets: MediaAssets
) -> Engine:
    work_dir = config.data_dir / "work"
    if config.instant:
        return InstantEngine(jobs, store, assets, work_dir, duration_s=config.instant_duration_s)
    return JobEngine(
        jobs,
        store,
        assets,
        work_dir,
        runners=[WorkerProcess() for _ in range(config.workers)],
        functions=MEDIA_FUNCTIONS,
    )
