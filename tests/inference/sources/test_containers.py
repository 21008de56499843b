from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from sgnet.inference.sources import SourceError, open_source


def write_ts(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for number in range(5):
            image = np.full((48, 64, 3), 40 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def playlist(target):
    return (
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:0.5,\n{target}\n#EXT-X-ENDLIST\n"
    )


LISTS = {
    "hls": ("a.m3u8", playlist("film.ts"), "HLS"),
    "hls of an absolute path": ("a.m3u8", playlist("{folder}/film.ts"), "HLS"),
    "hls of an address": ("a.m3u8", playlist("file://{folder}/film.ts"), "HLS"),
    "hls by another name": ("a.mp4", playlist("film.ts"), "HLS"),
    "concat": ("a.txt", "ffconcat version 1.0\nfile film.ts\n", "list of files"),
    "sdp": ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", "SDP"),
    "dash": ("a.mpd", "<?xml version='1.0'?><MPD><BaseURL>film.ts</BaseURL></MPD>", "XML"),
    "svg": ("a.svg", "<svg><image href='film.ts'/></svg>", ""),
    "pattern": ("a%03d.jp2", "no image", ""),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_file_that_names_others_is_not_followed(tmp_path, kind):
    name, text, said = LISTS[kind]
    write_ts(tmp_path / "film.ts")
    path = tmp_path / name
    path.write_text(text.replace("{folder}", str(tmp_path)))
    with pytest.raises(SourceError, match=rf"a.*: cannot be opened as a video.*{said}"):
        list(open_source(path))


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def address(tmp_path):
    """Of a server that gives the files of the folder `server`."""
    (tmp_path / "server").mkdir()
    handler = partial(QuietHandler, directory=str(tmp_path / "server"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_stream_of_an_address_may_name_its_parts(tmp_path, address):
    write_ts(tmp_path / "server/film.ts")
    (tmp_path / "server/a.m3u8").write_text(playlist("film.ts"))
    assert len(list(open_source(f"{address}/a.m3u8"))) == 5


@pytest.mark.parametrize("prefix", ["file://", "file:", "concat:", "subfile,,start,0,end,0,,:"])
def test_an_address_opens_no_file_of_this_machine(tmp_path, address, prefix):
    film = write_ts(tmp_path / "film.ts")
    (tmp_path / "server/a.m3u8").write_text(playlist(f"{prefix}{film}"))
    with pytest.raises(SourceError):
        list(open_source(f"{address}/a.m3u8"))


def test_a_name_for_a_file_may_have_a_colon(tmp_path):
    path = write_ts(tmp_path / "film.ts").rename(tmp_path / "12:30.ts")
    assert len(list(open_source(Path(path)))) == 5
