"""Pixels of a scene: textured layers, motion blur, light and sensor noise."""

import numpy as np
from numpy.typing import NDArray

from sgnet.data.shapes.masks import SAMPLES, Rectangle, bounding_rectangle, coverage
from sgnet.data.shapes.outlines import Contours
from sgnet.data.shapes.scene import Pose, Scene, SceneObject
from sgnet.data.shapes.textures import background_texture, object_texture

ByteArray = NDArray[np.uint8]
IntArray = NDArray[np.int32]

_EXPOSURE = 0.5  # share of the frame interval in which the shutter is open
_MAX_SUBFRAMES = 6
_CANVAS = 1.5  # background canvas relative to the frame: room for pan, zoom and shake
_TEXTURE_REACH = 1.3  # half side of an object's texture in outline units: room for the wobble
_COLOUR_DISTANCE = 130.0  # of mean colours, object to background, 0..441
_CAMOUFLAGE_DISTANCE = 60.0
_BITS = 8  # fractional bits of blending weights
_TEXEL_BITS = 16  # fractional bits of texture coordinates
_NOISE_ROOM = 32  # the noise field is larger than the frame by this, to be shifted each frame


class SceneRenderer:
    """Draws the frames of one scene.

    Every layer (background, object) is averaged over its own moments of the exposure and laid over
    those behind it. All arithmetic on pixels is integer, so frames are the same on every machine.

    Args:
        scene: The scene to draw; its textures are made once, here.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        rng = np.random.Generator(np.random.PCG64(scene.pixel_seed))
        rows, columns = round(_CANVAS * scene.height), round(_CANVAS * scene.width)
        self._canvas = background_texture(rng, rows, columns)
        self._textures = _object_textures(scene, self._canvas)
        noise = rng.standard_normal((scene.height + _NOISE_ROOM, scene.width + _NOISE_ROOM, 3))
        self._noise = np.rint(scene.noise * noise).astype(np.int16)
        self._shifts = rng.integers(0, _NOISE_ROOM, (scene.length, 2))
        self._vignette = _vignette(scene)

    def frame(self, number: int) -> ByteArray:
        """RGB frame [H, W, 3], uint8, exposed around the time of the frame's masks.

        Args:
            number: Frame number, 0..T-1.
        """
        image = self._background(number)
        for index in range(len(self._scene.objects)):
            self._lay_object(image, index, number)
        return self._expose(image, number)

    def _background(self, number: int) -> IntArray:
        """Background [H, W, 3] in grey levels."""
        scene = self._scene
        corner = np.array([[scene.width, scene.height]], dtype=np.float64)

        def corners(time: float) -> Contours:
            target, zoom = scene.camera.view(time)
            return (zoom * (np.concatenate([-corner, corner]) / 2.0 - target),)

        times = _moments(
            scene, number, corners(self._edge(number, -1)), corners(self._edge(number, 1))
        )
        total = sum((self._view_canvas(time) for time in times), start=np.zeros((), np.int32))
        return total // len(times)

    def _edge(self, number: int, side: int) -> float:
        """Time at which the shutter opens (side -1) or closes (1)."""
        return self._scene.time_of(number + side * _EXPOSURE / 2.0)

    def _view_canvas(self, time: float) -> IntArray:
        """The canvas as the camera sees it, [H, W, 3], bilinear in fixed point."""
        target, zoom = self._scene.camera.view(time)
        top, below, down = _taps(self._canvas.shape[0], self._scene.height, target[1], zoom)
        left, right, across = _taps(self._canvas.shape[1], self._scene.width, target[0], zoom)
        one = 1 << _BITS
        canvas = self._canvas
        down = down[:, None, None]
        rows = canvas[top].astype(np.uint16) * (one - down) + canvas[below].astype(np.uint16) * down
        rows = rows >> _BITS
        across = across[None, :, None]
        view = np.take(rows, left, axis=1) * (one - across)
        view += np.take(rows, right, axis=1) * across
        return (view >> _BITS).astype(np.int32)

    def _lay_object(self, image: IntArray, index: int, number: int) -> None:
        """Lays one object over `image` [H, W, 3] in place."""
        scene, item = self._scene, self._scene.objects[index]
        opened = scene.contours(item, self._edge(number, -1))
        closed = scene.contours(item, self._edge(number, 1))
        times = _moments(scene, number, opened, closed)
        outlines = [scene.contours(item, time) for time in times]
        every = tuple(points for contours in outlines for points in contours)
        rectangle = bounding_rectangle(every, scene.width, scene.height)
        if rectangle is None:
            return
        alpha = np.zeros((rectangle.height, rectangle.width, 1), dtype=np.int32)
        colour = np.zeros((rectangle.height, rectangle.width, 3), dtype=np.int32)
        for time, contours in zip(times, outlines, strict=True):
            covered = coverage(contours, rectangle)[..., None]
            texels = _sample(self._textures[index], scene.pose(item, time), rectangle, item)
            alpha += covered
            colour += covered.astype(np.int32) * texels
        full = SAMPLES * len(times)
        behind = image[rectangle.window]
        image[rectangle.window] = ((full - alpha) * behind + colour + full // 2) // full

    def _expose(self, image: IntArray, number: int) -> ByteArray:
        """Applies light, vignette and noise to `image` [H, W, 3]."""
        gain = self._scene.gain.at(self._scene.time_of(number))
        light = self._vignette * np.rint(gain * (1 << _BITS)).astype(np.int32)  # [H, W, 3]
        row, column = self._shifts[number]
        noise = self._noise[row : row + self._scene.height, column : column + self._scene.width]
        lit = ((image * light) >> (2 * _BITS)) + noise
        exposed: ByteArray = np.clip(lit, 0, 255).astype(np.uint8)
        return exposed


def _object_textures(scene: Scene, canvas: ByteArray) -> tuple[ByteArray, ...]:
    """A square texture of a power of two for every object."""
    mean = canvas.reshape(-1, 3).sum(axis=0, dtype=np.int64) / (canvas.size / 3.0)
    distance = _CAMOUFLAGE_DISTANCE if scene.camouflage else _COLOUR_DISTANCE
    size = 1 << max(5, int(scene.height - 1).bit_length() - 1)
    textures = []
    for item in scene.objects:
        rng = np.random.Generator(np.random.PCG64(item.texture_seed))
        textures.append(object_texture(rng, size, mean, distance))
    return tuple(textures)


def _moments(scene: Scene, number: int, opened: Contours, closed: Contours) -> tuple[float, ...]:
    """Times of the exposure to average: more the farther the outline moves while it lasts."""
    travel = max(
        float(np.abs(after - before).max()) for before, after in zip(opened, closed, strict=True)
    )
    step = 1.5 * max(scene.width / 256.0, 1.0)
    count = min(max(int(np.ceil(travel / step)), 1), _MAX_SUBFRAMES)
    shares = (np.arange(count) + 0.5) / count - 0.5
    return tuple(scene.time_of(number + _EXPOSURE * float(share)) for share in shares)


def _taps(
    canvas: int, frame: int, target: float, zoom: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]:
    """Canvas lines before and after each frame line, and the weight of the latter in 1/256."""
    world = (np.arange(frame) + 0.5 - frame / 2.0) / zoom + target + canvas / 2.0 - 0.5
    fixed = np.rint(np.clip(world, 0.0, canvas - 1.01) * (1 << _BITS)).astype(np.int64)
    line = fixed >> _BITS
    return line, line + 1, (fixed & ((1 << _BITS) - 1)).astype(np.uint16)


def _sample(texture: ByteArray, pose: Pose, rectangle: Rectangle, item: SceneObject) -> ByteArray:
    """Nearest texels [h, w, 3] of a rectangle; the texture moves, turns and scales with the object.

    It wraps, which matters for occluders only: their unit is the pixel.
    """
    size = len(texture)
    (a, b), (c, d) = pose.matrix
    per_unit = size / (2.0 * _TEXTURE_REACH) if item.category is not None else 1.0
    factor = per_unit * (1 << _TEXEL_BITS) / (a * d - b * c)
    x = np.arange(rectangle.x0, rectangle.x1) + 0.5 - pose.center[0]
    y = np.arange(rectangle.y0, rectangle.y1) + 0.5 - pose.center[1]
    half = (size << _TEXEL_BITS) // 2
    column = _fixed(d * x, factor)[None] - _fixed(b * y, factor)[:, None] + half
    row = _fixed(a * y, factor)[:, None] - _fixed(c * x, factor)[None] + half
    flat = ((row >> _TEXEL_BITS) & (size - 1)) * size + ((column >> _TEXEL_BITS) & (size - 1))
    texels: ByteArray = np.take(texture.reshape(-1, 3), flat, axis=0)
    return texels


def _fixed(values: NDArray[np.float64], factor: float) -> NDArray[np.int64]:
    return np.rint(values * factor).astype(np.int64)


def _vignette(scene: Scene) -> IntArray:
    """Light left at each pixel [H, W, 1] in 1/256: falls with the squared distance."""
    x = (np.arange(scene.width) + 0.5) / scene.width * 2.0 - 1.0
    y = (np.arange(scene.height) + 0.5) / scene.height * 2.0 - 1.0
    squared = (x * x)[None] + (y * y)[:, None]
    kept = 1.0 - scene.vignette * squared / 2.0
    return np.rint(kept * (1 << _BITS)).astype(np.int32)[..., None]
