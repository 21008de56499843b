"""Where frames come from: video files, image files, arrays, cameras and streams.

Nothing here needs torch.
"""

from sgnet.inference.sources.base import FrameSource, SourceError, SourceFrame
from sgnet.inference.sources.newest import newest_frames
from sgnet.inference.sources.overlap import overlapped
from sgnet.inference.sources.prefetch import prefetched
from sgnet.inference.sources.select import Source, open_source

__all__ = [
    "FrameSource",
    "Source",
    "SourceError",
    "SourceFrame",
    "newest_frames",
    "open_source",
    "overlapped",
    "prefetched",
]
