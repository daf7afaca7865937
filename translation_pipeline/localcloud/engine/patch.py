"""One caption in the picture: which pixels are its strokes, and what lies behind them.

The sources are weighed pixel by pixel, by how well they fit the pixels that stay visible between
the strokes: pictures from just before and after the caption; the last one before it and the
previous one (already without the caption), both moved as the background has moved; and, where
nothing fits, the surroundings.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from translation_pipeline.localcloud.engine.window import (
    Mask,
    Plane,
    Planes,
    Window,
    YuvPicture,
)

Matrix = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]

STROKE_CONTRAST = 24  # grey levels between a stroke and its surroundings
STEADY_CHANGE = 12  # mean grey levels by which a stroke changes while its caption shows
DILATION = 0.08  # outline and blur around a stroke, in line heights
LEAST_STROKES = 0.03  # of the area: below, the text is of an unknown kind and all of it goes
GOOD_FIT = 4.0  # grey levels of difference to a source that is taken as it is
NO_FIT = 20.0  # grey levels of difference from which on a source is not used
GOOD_FIT_OF_TEXTURE, NO_FIT_OF_TEXTURE = 0.2, 0.5  # the same for fine textures: shares of them
FIT_REACH = 0.3  # how far around a pixel the fit is judged, in line heights
MOVING = 4.0  # mean grey levels by which a moving scene changes while a caption shows
OPAQUE_DIFFERENCE = 20.0  # grey levels between an opaque box and the scene around it
ONE_COLOUR = 12.0  # standard deviation, grey levels, of an area of one colour
MOVED_HANDICAP = 0.5  # grey levels: a moved picture is a little blurred, so others win a draw
MOST_FEATURES = 150  # points that are followed from one picture to the next
FEATURE_GAP_PX = 3  # between such a point and the nearest stroke
LOCAL_TRUST = 8.0  # how much a few visible pixels close by outweigh many farther away
LEAST_FEATURES = 8  # fewer say nothing about the movement


def strokes(window: Window, samples: Sequence[Plane]) -> Mask:
    """The pixels of the letters, outline included, from lumas of the window over time.

    Strokes differ from what is around them and stay while the background moves. A caption on an
    opaque box goes with the box.
    """
    area = window.area()
    if not samples:
        return area
    stack = np.stack(samples)
    typical = np.median(stack, axis=0).astype(np.uint8)
    change: Values = np.mean(np.abs(stack.astype(np.float32) - typical), axis=0)
    kernel = _disc(max(5, window.line_height // 2 | 1))
    light = cv2.morphologyEx(typical, cv2.MORPH_TOPHAT, kernel)
    dark = cv2.morphologyEx(typical, cv2.MORPH_BLACKHAT, kernel)
    found = (np.maximum(light, dark) > STROKE_CONTRAST) & (change < STEADY_CHANGE) & (area > 0)
    if found.sum() < LEAST_STROKES * (area > 0).sum():
        return area
    reach = 2 * max(2, round(window.line_height * DILATION)) + 1
    grown = cv2.dilate(found.astype(np.uint8) * 255, _disc(reach))
    mask: Mask = np.where(area > 0, grown, 0).astype(np.uint8)
    between = (window.text_area() > 0) & (mask == 0)
    return area if _is_opaque(typical, change, between, area) else mask


def _is_opaque(typical: Plane, change: Values, between: Flags, area: Mask) -> bool:
    """Whether what is between the letters belongs to the caption and not to the scene.

    It does if it stays while the scene around it moves, or if it has one colour that the scene
    around it has not.
    """
    outside = area == 0
    if between.sum() < LEAST_STROKES * (area > 0).sum() or not outside.any():
        return False
    if change[outside].mean() > MOVING and change[between].mean() < change[outside].mean() / 4:
        return True
    expected = spread(typical.astype(np.float32), area)
    levels = typical[between]
    differs = abs(levels.mean() - expected[between].mean()) > OPAQUE_DIFFERENCE
    return bool(differs and levels.std() < ONE_COLOUR)


def spread(values: Values, mask: Mask) -> Values:
    """The values with smooth ones under the mask, from a pyramid of what is visible."""
    weight = (mask == 0).astype(np.float32)
    levels = [(values * weight, weight)]
    while min(levels[-1][0].shape) > 2:
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))
    total, weight = levels.pop()
    result = total / np.maximum(weight, 1e-6)
    for total, weight in reversed(levels):
        coarse = cv2.pyrUp(result, dstsize=(total.shape[1], total.shape[0]))
        trust = np.minimum(weight * LOCAL_TRUST, 1)
        result = trust * total / np.maximum(weight, 1e-6) + (1 - trust) * coarse
    return np.asarray(result, np.float32)


class Patch:
    """Fills one window, picture after picture, from what is around it."""

    def __init__(self, window: Window, mask: Mask) -> None:
        self.window = window
        self.mask = mask

    def apply(
        self, picture: YuvPicture, before: YuvPicture | None, others: Sequence[Patch]
    ) -> None:
        """Replace the masked pixels in the picture.

        `before` is the previous picture, already without captions. What `others` are going to
        replace in the same picture is hidden too: it is no source.
        """
        planes = self.window.cut(picture)
        mask = self._hidden(others)
        masks = (mask, _half(mask), _half(mask))
        fills = self._fills(planes, before, masks)
        for plane, fill, hidden in zip(planes, fills, masks, strict=True):
            np.copyto(plane, _levels(fill), where=hidden > 0)

    def _hidden(self, others: Sequence[Patch]) -> Mask:
        hidden = self.mask.copy()
        mine = self.window
        for other in others:
            theirs = other.window
            top, bottom = max(mine.top, theirs.top), min(mine.bottom, theirs.bottom)
            left, right = max(mine.left, theirs.left), min(mine.right, theirs.right)
            if top < bottom and left < right:
                here = hidden[
                    top - mine.top : bottom - mine.top, left - mine.left : right - mine.left
                ]
                there = other.mask[
                    top - theirs.top : bottom - theirs.top, left - theirs.left : right - theirs.left
                ]
                np.maximum(here, there, out=here)
        return hidden

    def _fills(self, planes: Planes, before: YuvPicture | None, masks: Planes) -> list[Values]:
        return [
            spread(plane.astype(np.float32), mask)
            for plane, mask in zip(planes, masks, strict=True)
        ]


class CaptionPatch(Patch):
    """Fills the strokes of a caption also from pictures in which the background was seen."""

    def __init__(self, window: Window, mask: Mask, backgrounds: Sequence[Planes]) -> None:
        super().__init__(window, mask)
        self._backgrounds = backgrounds
        self._anchor: YuvPicture | None = None  # the last picture before the caption
        self._since_anchor = np.eye(3)  # how the background has moved since then

    def _fills(self, planes: Planes, before: YuvPicture | None, masks: Planes) -> list[Values]:
        surroundings = super()._fills(planes, before, masks)
        moved = [] if before is None else self._moved(before, planes[0], masks[0])
        sources = [*self._backgrounds, *moved]
        if not sources:
            return surroundings
        misfits = np.stack([self._misfit(planes[0], source[0], masks[0]) for source in sources])
        misfits[len(self._backgrounds) :] += MOVED_HANDICAP
        best = misfits.argmin(axis=0)
        share = self._share(misfits.min(axis=0), planes[0], masks[0])
        fills = []
        for number, (plane, mask) in enumerate(zip(planes, masks, strict=True)):
            step = 1 if number == 0 else 2
            source = np.choose(best[::step, ::step], [planes[number] for planes in sources])
            # What still differs, such as a slow change of light, is carried in from the visible
            # pixels, so that no edge shows.
            fitted = source + spread(plane.astype(np.float32) - source, mask)
            part = share[::step, ::step]
            fills.append(part * fitted + (1 - part) * surroundings[number])
        return fills

    def _misfit(self, luma: Plane, source: Plane, mask: Mask) -> Values:
        """Around each pixel, the mean difference of the visible pixels, in grey levels."""
        return self._around(spread(cv2.absdiff(luma, source).astype(np.float32), mask))

    def _share(self, misfit: Values, luma: Plane, mask: Mask) -> Values:
        """How much of a fill comes from a source, by pixel: none where the surroundings do better.

        In a fine texture the surroundings tell little, so there a source may differ more.
        """
        smooth = self._around(luma.astype(np.float32))
        texture = self._around(spread(np.abs(luma - smooth), mask))
        good = np.maximum(GOOD_FIT, GOOD_FIT_OF_TEXTURE * texture)
        useless = np.maximum(NO_FIT, NO_FIT_OF_TEXTURE * texture)
        return np.asarray(np.clip((useless - misfit) / (useless - good), 0, 1), np.float32)

    def _around(self, values: Values) -> Values:
        side = 2 * round(self.window.line_height * FIT_REACH) + 1
        return np.asarray(cv2.blur(values, (side, side)), np.float32)

    def _moved(self, before: YuvPicture, luma: Plane, mask: Mask) -> list[Planes]:
        """The last picture before the caption and the previous one, moved as the background did.

        The first is sharp, since it is resampled only once; the second knows what has come into
        view since.
        """
        motion = self._motion(before, luma, mask)
        if self._anchor is None:
            self._anchor = before
        self._since_anchor = self._since_anchor @ motion
        return [self._resampled(self._anchor, self._since_anchor), self._resampled(before, motion)]

    def _motion(self, before: YuvPicture, luma: Plane, mask: Mask) -> Matrix:
        """Where the visible pixels of the window were in the picture before: moved, zoomed."""
        visible = np.asarray(cv2.erode(255 - mask, _disc(2 * FEATURE_GAP_PX + 1)), np.uint8)
        features = cv2.goodFeaturesToTrack(luma, MOST_FEATURES, 0.01, 4, mask=visible)
        if features is None:
            return np.eye(3)
        there = self.window.cut(before)[0]
        found, tracked, _ = cv2.calcOpticalFlowPyrLK(
            luma, there, features, features.copy(), winSize=(15, 15)
        )
        here, there_points = features[tracked > 0], found[tracked > 0]
        if len(here) < LEAST_FEATURES:
            return np.eye(3)
        affine, _ = cv2.estimateAffinePartial2D(here, there_points, ransacReprojThreshold=0.5)
        return np.eye(3) if affine is None else np.vstack([affine, [0, 0, 1]])

    def _resampled(self, picture: YuvPicture, motion: Matrix) -> Planes:
        luma, first, second = picture.planes
        offset = np.array([[1, 0, self.window.left], [0, 1, self.window.top], [0, 0, 1]])
        height, width = self.mask.shape
        to_luma = offset @ motion
        to_chroma = to_luma * [[1, 1, 0.5], [1, 1, 0.5], [1, 1, 1]]
        return (
            _warped(luma, to_luma, width, height),
            _warped(first, to_chroma, width // 2, height // 2),
            _warped(second, to_chroma, width // 2, height // 2),
        )


def _warped(plane: Plane, motion: Matrix, width: int, height: int) -> Plane:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        plane, motion[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _levels(values: Values) -> Plane:
    levels: Plane = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return levels


def _half(mask: Mask) -> Mask:
    """The mask for the chroma planes: a chroma pixel goes if any of its four luma pixels goes."""
    rows, columns = mask.shape
    half: Mask = mask.reshape(rows // 2, 2, columns // 2, 2).max(axis=(1, 3))
    return half


def _disc(size: int) -> Mask:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
