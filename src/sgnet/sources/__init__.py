"""Where frames come from: video files, image files, arrays, cameras and streams.

Nothing here needs torch.
"""

from sgnet.sources.base import FrameSource, SourceError, SourceFrame
from sgnet.sources.newest import newest_frames
from sgnet.sources.overlap import overlapped
from sgnet.sources.prefetch import prefetched
from sgnet.sources.select import Source, open_source

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
