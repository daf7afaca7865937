"""The IMS actions about media assets: RegisterMediaInfo and GetMediaInfo (ims.md section 8)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from translation_pipeline import media
from translation_pipeline.localcloud import ims_answers, ims_orders
from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.ims_orders import CAPTION_SCHEMES, ImsOrders
from translation_pipeline.localcloud.media_assets import MediaAsset, MediaAssets
from translation_pipeline.localcloud.rpc import (
    Action,
    Parameters,
    RpcError,
    choice,
    invalid,
    missing,
    required,
    token_mismatch,
)
from translation_pipeline.media import MediaInfo, UnreadableVideo

MEDIA_TYPES = ("video", "audio", "image", "text")
BUSINESS_TYPES = ("subtitles", "font", "watermark", "opening", "ending", "general")
REFERENCE_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")

# ims.md section 8, in UTF-8 bytes
TEXT_LIMITS = {"Title": 128, "Description": 1024, "CoverURL": 128, "UserData": 1024}


class MediaActions:
    """Media assets on the wire."""

    def __init__(self, assets: MediaAssets, orders: ImsOrders, region: str) -> None:
        self._assets = assets
        self._orders = orders
        self._region = region
        self.by_name: Mapping[str, Action] = {
            "RegisterMediaInfo": self._register_media_info,
            "GetMediaInfo": self._get_media_info,
        }

    async def _register_media_info(self, parameters: Parameters) -> dict[str, Any]:
        token = ims_orders.client_token(parameters)
        asked = {name: text for name, text in parameters.items() if name != "ClientToken"}
        address = self._orders.existing("InputURL", required(asked, "InputURL"), CAPTION_SCHEMES)
        choice(asked, "MediaType", {name: name for name in MEDIA_TYPES})
        choice(asked, "BusinessType", {name: name for name in BUSINESS_TYPES})
        for name, limit in TEXT_LIMITS.items():
            if len(asked.get(name, "").encode()) > limit:
                raise invalid(name, f"more than {limit} bytes")
        reference = asked.get("ReferenceId")
        if reference and not REFERENCE_ID.fullmatch(reference):
            raise invalid("ReferenceId", f"{reference!r} is not 6 to 64 of A-Z a-z 0-9 _ -")
        first = self._assets.with_token(token) if token else None
        if first is None:
            self._require_new(address, reference, overwrite=asked.get("Overwrite") == "True")
        elif first.wire != asked:
            raise token_mismatch(token)
        else:
            return {"MediaId": first.media_id}
        media_id = self._assets.add(address, asked, reference_id=reference, client_token=token)
        return {"MediaId": media_id}

    def _require_new(self, address: ObjectAddress, reference: str | None, overwrite: bool) -> None:
        existing = self._assets.at(address)
        if existing and not overwrite:
            raise RpcError(
                "MediaAlreadyExists",
                f"{address} is registered as {existing.media_id}; read it with GetMediaInfo by "
                "InputURL, or send Overwrite true to replace it.",
            )
        owner = self._assets.with_reference(reference) if reference else None
        if owner and owner.address != address:
            raise invalid("ReferenceId", f"{reference!r} already belongs to {owner.media_id}")

    async def _get_media_info(self, parameters: Parameters) -> dict[str, Any]:
        media_id, url = parameters.get("MediaId"), parameters.get("InputURL")
        if media_id:
            asset = self._assets.get(media_id)
        elif url:
            asset = self._assets.at(self._orders.address("InputURL", url, CAPTION_SCHEMES))
        else:
            raise missing("MediaId")
        if asset is None or not self._assets.is_ready(asset):
            raise RpcError(
                "MediaNotFound",
                f"{media_id or url} is not registered, or its registration is not over yet; "
                "that takes a few seconds.",
                404,
            )
        return await self._media_info(asset)

    async def _media_info(self, asset: MediaAsset) -> dict[str, Any]:
        stored = self._orders.stored(asset.address)
        facts: MediaInfo | None = None
        if stored is not None and asset.media_type == "video":
            with suppress(UnreadableVideo):
                facts = await asyncio.to_thread(media.probe, stored.path)
        return ims_answers.media_info(asset, stored, facts, self._region)
