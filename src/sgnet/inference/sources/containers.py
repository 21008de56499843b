"""Opens video files and streams, and nothing that they name: see FFmpeg's lists below."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sgnet.files.image_limits import MAX_PIXELS
from sgnet.inference.sources.base import SourceError

STREAM_TIMEOUT = 15.0  # seconds for a network stream to answer

# FFmpeg's demuxers of files that hold their frames themselves. Others read what a file names: hls,
# dash, concat, imf, sdp, image2 and its patterns, vobsub, svg_pipe, devices, scripts.
FILMS = """
    3dostr 4xm amv apng apv asf asf_o av1 avi avs avs2 avs3 bethsoftvid bfi bink bmv c93 cavsvideo
    cdg cdxl cine dhav dirac dnxhd dv dxa ea evc film_cpk filmstrip fits flic flv frm gdv gif gxf
    h261 h263 h264 hevc hnm hxvs idcin iff ifv ingenient ipmovie ipu iv8 ivf ivr jpegxl_anim jv kux
    live_flv lmlm4 lvf lxf m4v matroska mgsts mjpeg mjpeg_2000 mlv mm mods moflex mov mpeg mpegts
    mpegvideo mpjpeg mtv mv mvi mxf mxg nsv nut nuv obu ogg paf pdv pmp psxstr pva r3d rl2 rm roq
    rpl ser siff smjpeg smk smush swf thp tiertexseq tmv ty usm vc1 vc1test vividas vivo vmd vvc
    wc3movie webm wsvqa wtv xmv yop yuv4mpegpipe
"""
PICTURES = """
    bmp_pipe dds_pipe dpx_pipe exr_pipe gif_pipe hdr_pipe j2k_pipe jpeg_pipe jpegls_pipe jpegxl_pipe
    pam_pipe pbm_pipe pcx_pipe pfm_pipe pgm_pipe pgmyuv_pipe phm_pipe png_pipe ppm_pipe psd_pipe
    qoi_pipe sgi_pipe sunrast_pipe tiff_pipe webp_pipe xbm_pipe xpm_pipe xwd_pipe
"""
SOUNDS = "aac aiff ape caf dsf flac mp3 oma tta wav w64 wv"  # to say that there is no film
STREAMS = "hls dash rtsp rtp sdp"  # of an address, which name others in the network
PROTOCOLS = """
    http https rtsp rtsps rtmp rtmpe rtmps rtmpt rtmpte rtmpts udp udplite rtp srt tcp tls ftp sftp
    mmsh mmst
"""
BELOW = "crypto httpproxy srtp"  # which those are made of; never file, concat, subfile
LISTS = {
    b"#EXTM3U": "an HLS playlist",
    b"ffconcat": "a list of files for FFmpeg",
    b"v=0": "a description of a session (SDP)",
    b"<?xml": "an XML file, perhaps a DASH or IMF list",
    b"<MPD": "a DASH list",
    b"<svg": "a drawing (SVG)",
}


def open_container(name: str, path: Path | None) -> Any:  # noqa: ANN401 - PyAV's container
    """PyAV's container of a file or address, which reads nothing but that.

    A file's contents are never taken for the name of another file; an address may name others in
    the network, as HLS does, but no file of this machine.

    Args:
        name: of the source, for messages; the address.
        path: of the file, None for an address.

    Raises:
        SourceError: nothing there, or nothing that is read.
    """
    import av

    if path is not None and not os.path.isfile(path):
        raise SourceError(f"{name}: source is missing; expected a video file")
    if path is None and name.partition("://")[0].lower() not in PROTOCOLS.split():
        known = PROTOCOLS.split()
        raise SourceError(f"{name}: expected a file, or an address of {', '.join(known)}")
    formats = " ".join((FILMS, PICTURES, SOUNDS, "" if path is not None else STREAMS))
    protocols = "file" if path is not None else f"{PROTOCOLS} {BELOW}"
    try:
        return av.open(
            name if path is None else f"file:{path}",  # a name with a colon is no address
            timeout=STREAM_TIMEOUT if path is None else None,
            options={"max_pixels": str(MAX_PIXELS)},  # of every decoder
            container_options={
                "format_whitelist": ",".join(formats.split()),
                "protocol_whitelist": ",".join(protocols.split()),
            },
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = None if path is None else _kind_of_list(path)
        raise SourceError(
            f"{name}: cannot be opened as a video; expected a file or stream that FFmpeg "
            f"reads, got: {reason or reason_of(error)}"
        ) from error


def reason_of(error: Exception) -> str:
    """What FFmpeg said, without the path that the message has already."""
    return getattr(error, "strerror", None) or str(error)


def _kind_of_list(path: Path) -> str | None:
    """What a file is that FFmpeg would read other files by; None for others."""
    with path.open("rb") as file:
        start = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, kind in LISTS.items():
        if start.startswith(mark):
            return f"{kind}; files that name others are not followed, join them with `ffmpeg` first"
    return None
