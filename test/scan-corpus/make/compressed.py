"""Pickles under the compressions that joblib reads by their first bytes."""

import bz2
import gzip
import lzma
import zlib

import lz4.frame

from .assemble import SYSTEM

JOBLIB = "https://joblib.readthedocs.io/en/stable/generated/joblib.load.html"


def old_zfile(content):
    """The format of joblib before 0.10: two letters, the length in hexadecimal, zlib."""
    return b"ZF" + hex(len(content)).encode().ljust(19) + zlib.compress(content)


def items():
    yield "joblib-zlib.joblib", zlib.compress(SYSTEM), "zlib", JOBLIB
    yield "joblib-gzip.joblib", gzip.compress(SYSTEM, mtime=0), "gzip", JOBLIB
    yield "joblib-bz2.joblib", bz2.compress(SYSTEM), "bz2", JOBLIB
    yield "joblib-xz.joblib", lzma.compress(SYSTEM), "xz", JOBLIB
    yield "joblib-lzma.joblib", lzma.compress(SYSTEM, lzma.FORMAT_ALONE), "lzma without xz", JOBLIB
    yield "joblib-lz4.joblib", lz4.frame.compress(SYSTEM), "lz4", JOBLIB
    yield "joblib-zfile.pkl", old_zfile(SYSTEM), "the old format of joblib", JOBLIB
    yield "joblib-zlib-fast.pkl", zlib.compress(SYSTEM, 1), "zlib with another first byte", JOBLIB
    yield "joblib-zlib-cut.joblib", zlib.compress(SYSTEM + bytes(4000))[:-9], "zlib that breaks off behind the call", JOBLIB
    yield "joblib-gzip-crc.joblib", gzip.compress(SYSTEM, mtime=0)[:-8] + bytes(8), "gzip whose checksum does not hold", JOBLIB
