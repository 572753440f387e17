"""Archives: what carries a pickle, and what leads out of itself, or is read differently by different readers."""

import gzip
import io
import os
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

from .assemble import SYSTEM, Opcodes, call, encode, many, name, proto, table

ADVISORY = "https://github.com/mmaitre314/picklescan/security/advisories/"
NULLIFAI = "https://www.reversinglabs.com/blog/rl-identifies-malware-ml-model-hosted-on-hugging-face"
EPOCH = (1980, 1, 1, 0, 0, 0)


def zipped(entries, method=zipfile.ZIP_STORED, comment=b""):
    """Entries are pairs, so that a name can stand twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for file, content in entries:
            info = file if isinstance(file, zipfile.ZipInfo) else zipfile.ZipInfo(file, EPOCH)
            info.compress_type = method
            with archive.open(info, "w") as entry:
                entry.write(content)
        archive.comment = comment
    return out.getvalue()


def torch_archive(files, method=zipfile.ZIP_STORED):
    entries = {"version": b"3\n", "byteorder": b"little", "data/0": bytes(16), **files}
    order = sorted(entries, key=lambda file: file != "data.pkl")
    return zipped([(f"archive/{file}", entries[file]) for file in order], method)


def state_dict(extra=b""):
    """What torch.save writes of one weight; the extra opcodes leave one value, the state of the second name."""
    storage = many(*map(encode, ("storage", Opcodes(name("torch", "FloatStorage")), "0", "cpu", 4))) + b"Q"
    hooks = call(name("collections", "OrderedDict"))
    weight = call(name("torch._utils", "_rebuild_tensor_v2"), Opcodes(storage), 0, (2, 2), (2, 1), False, Opcodes(hooks))
    pairs = [(encode("weight"), weight)] + ([(encode("bias"), extra)] if extra else [])
    return proto(2) + table(*pairs) + b"."


HOSTILE = state_dict(call(name("os", "system"), "true"))
PLAIN = state_dict()


def changed_in_headers(archive, offset_local, offset_central, value):
    """The same change in the local headers and in the central directory."""
    out = bytearray(archive)
    for signature, offset in ((b"PK\x03\x04", offset_local), (b"PK\x01\x02", offset_central)):
        at = out.find(signature)
        while at >= 0 and offset is not None:
            out[at + offset : at + offset + len(value)] = value
            at = out.find(signature, at + 4)
    return bytes(out)


def seven_zip(files, *options):
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            Path(folder, file).write_bytes(content)
            os.utime(Path(folder, file), (315532800, 315532800))
        arguments = ["7z", "a", "-bd", "-mtc=off", "-mta=off", "-mmt=off", *options, "out.7z", *files]
        subprocess.run(arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return Path(folder, "out.7z").read_bytes()


def tarred(members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=tarfile.PAX_FORMAT) as archive:
        for file, content, kind, link in members:
            info = tarfile.TarInfo(file)
            info.type, info.linkname, info.size = kind, link, len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def regular(file, content):
    return (file, content, tarfile.REGTYPE, "")


def linked(file, link, kind=tarfile.SYMTYPE):
    return (file, b"", kind, link)


def legacy_torch(magic=None, payload=SYSTEM):
    """The format before the archives: pickles one behind the other."""
    first = magic or proto(2) + b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
    second = proto(2) + b"M\xe9\x03."
    system = proto(2) + encode({"protocol_version": 1001, "little_endian": True}) + b"."
    return first + second + system + payload + proto(2) + b"]." + bytes(24)


def zips():
    yield "torch-zip.pt", torch_archive({"data.pkl": HOSTILE}), "a call among the weights of a torch archive", "https://jfrog.com/blog/data-scientists-targeted-by-malicious-hugging-face-ml-models-with-silent-backdoor/"
    yield "torch-zip-deflated.pth", torch_archive({"data.pkl": HOSTILE}, zipfile.ZIP_DEFLATED), "the same, deflated", "https://github.com/mmaitre314/picklescan"
    yield "torch-zip-broken.bin", torch_archive({"data.pkl": HOSTILE[:-2] + b"X\xff"}), "a torch archive whose pickle breaks off behind the call", NULLIFAI
    yield "torch-zip-extra-file.pt", torch_archive({"data.pkl": state_dict(call(name("torch.serialization", "load"), "archive/config.p")), "config.p": SYSTEM}), "the pickle hides under another extension within the archive", "CVE-2025-1889"
    mixed = torch_archive({"data.pkl": HOSTILE})
    yield "torch-zip-names-differ.pt", mixed.replace(b"archive/data.pkl", b"archive/datap.kl", 1), "the name in the local header is not that of the central directory", "CVE-2025-1944"
    for bits, label in ((0x01, "encrypted"), (0x20, "patched"), (0x40, "strong")):
        flagged = changed_in_headers(mixed, 6, 8, struct.pack("<H", bits))
        yield f"torch-zip-flag-{label}.pt", flagged, f"flag bit {bits:#x} set though it does not hold", "CVE-2025-1945"
    yield "torch-zip-crc.pt", changed_in_headers(mixed, 14, 16, b"\xde\xad\xbe\xef"), "checksums that do not hold", "CVE-2025-10156"
    sizes = changed_in_headers(mixed, 22, 24, b"\x01\x00\x00\x00")
    yield "torch-zip-sizes.pt", sizes, "sizes that do not hold", "CVE-2025-10156"
    doubled = [("archive/data.pkl", PLAIN), ("archive/data.pkl", HOSTILE), ("archive/version", b"3\n"), ("archive/data/0", bytes(16))]
    yield "torch-zip-twice.pt", zipped(doubled), "two entries of one name, the second hostile", "https://snyk.io/research/zip-slip-vulnerability"
    yield "torch-zip-twice-first.pt", zipped([doubled[1], doubled[0], *doubled[2:]]), "two entries of one name, the first hostile", "https://snyk.io/research/zip-slip-vulnerability"
    yield "torch-zip-two-ends.pt", two_ends(), "two ends of a central directory, one harmless", "CVE-2025-1944"
    yield "torch-zip-behind-pickle.pt", SYSTEM + torch_archive({"data.pkl": PLAIN}), "a pickle in front of a harmless torch archive: both readings hold", "https://blog.trailofbits.com/2024/03/04/relishing-new-fickling-features-for-securing-ml-systems/"
    yield "torch-zip-within.zip", zipped([("models/inner.zip", zipped([("weights.pt", torch_archive({"data.pkl": HOSTILE}))]))], zipfile.ZIP_DEFLATED), "a torch archive in a zip in a zip", "https://github.com/mmaitre314/picklescan"
    yield "torch-zip-constants.pt", torch_archive({"data.pkl": proto(2) + encode({}) + b".", "constants.pkl": HOSTILE, "code/__torch__.py": b"class M(Module):\n  pass\n"}), "a TorchScript archive whose constants are hostile", "https://pytorch.org/docs/stable/jit.html"
    yield "torch-zip-upper.PT", mixed, "the extension in capital letters", "https://github.com/promptfoo/modelaudit/pull/518"
    yield "zip-lzma.npz", zipped([("arr_0.npy", object_array(SYSTEM))], zipfile.ZIP_LZMA), "an object array under a rare compression", "https://github.com/mmaitre314/picklescan/pull/32"
    yield "zip-bzip2.zip", zipped([("model.pkl", SYSTEM)], zipfile.ZIP_BZIP2), "a pickle under a rare compression", "https://github.com/mmaitre314/picklescan"
    yield "zip-any-name.zip", zipped([("notes.txt", SYSTEM)]), "a pickle that is called a text", "CVE-2025-1889"
    escaping = [("config.json", b"{}"), ("../../touched-by-scan-corpus", b"harmless")]
    yield "zip-escapes.zip", zipped(escaping), "an entry that leads out", "CVE-2024-5187"
    yield "zip-escapes-windows.zip", zipped([("..\\..\\touched-by-scan-corpus", b"harmless")]), "an entry that leads out on Windows", "https://snyk.io/research/zip-slip-vulnerability"
    yield "zip-absolute.keras", zipped([("config.json", b"{}"), ("metadata.json", b"{}"), ("/tmp/touched-by-scan-corpus", b"harmless")]), "an entry with an absolute path", "CVE-2025-12060"
    link = zipfile.ZipInfo("weights", EPOCH)
    link.create_system, link.external_attr = 3, 0o120777 << 16
    yield "zip-link.zip", zipped([(link, b"/etc"), ("weights/touched-by-scan-corpus", b"harmless")]), "a symbolic link, and an entry through it", "https://snyk.io/research/zip-slip-vulnerability"
    yield "zip-bomb.npz", bomb(), "entries that claim gigabytes and share their bytes", "https://www.bamsoftware.com/hacks/zipbomb/"


def two_ends():
    """The last end is the one that loaders take; a reader from the front finds the other."""
    harmless, hostile = torch_archive({"data.pkl": PLAIN}), torch_archive({"data.pkl": HOSTILE})
    shift = len(harmless)
    out = bytearray(hostile)
    at = out.find(b"PK\x01\x02")
    while at >= 0:
        (where,) = struct.unpack_from("<I", out, at + 42)
        struct.pack_into("<I", out, at + 42, where + shift)
        at = out.find(b"PK\x01\x02", at + 4)
    end = out.rfind(b"PK\x05\x06")
    (directory,) = struct.unpack_from("<I", out, end + 16)
    struct.pack_into("<I", out, end + 16, directory + shift)
    return harmless + bytes(out)


def bomb():
    """Sixteen entries that share one deflated run of zeros: little here, much unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = packer.compress(bytes(4 << 20)) + packer.flush()
    packed, at, directory = b"", 0, b""
    claimed = 0xFFFFFFF0
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 33, 0, len(zeros), claimed, 9, 0) + b"arr_0.npy" + zeros
    packed += local
    for number in range(16):
        file = f"arr_{number:02}.npy".encode()
        directory += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, 0, len(zeros), claimed, len(file), 0, 0, 0, 0, 0, at) + file
    return packed + directory + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 16, 16, len(directory), len(packed), 0)


def object_array(pickled, description="'|O'", shape="(1,)"):
    return array_header(f"{{'descr': {description}, 'fortran_order': False, 'shape': {shape}, }}") + pickled


def array_header(header, version=1):
    room = 64 - (10 + len(header) + 1) % 64
    line = header.encode() + b" " * room + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(line)) + line


def arrays():
    yield "object-array.npy", object_array(SYSTEM), "an array of objects is a pickle", "https://github.com/mmaitre314/picklescan"
    yield "object-array-field.npy", object_array(SYSTEM, "[('a', '<f8'), ('b', 'O')]"), "objects in one field of a record", "https://github.com/mmaitre314/picklescan"
    yield "object-array-odd.npy", object_array(SYSTEM, "[('a', [('b', '>O8', (1,))])]"), "objects deep in a nested record, oddly spelt", "https://github.com/mmaitre314/picklescan"
    yield "object-array-v3.npy", b"\x93NUMPY\x03\x00" + struct.pack("<I", 118) + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n" + SYSTEM, "version 3 of the header", "https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"
    yield "object-array.npz", zipped([("arr_0.npy", object_array(SYSTEM))]), "an array of objects among others", "https://github.com/mmaitre314/picklescan/pull/32"
    yield "pickle-called-array.npy", SYSTEM, "a mere pickle, which numpy.load takes under this name too", "CVE-2019-6446"
    yield "array-header-code.npy", array_header("{'descr': " + "__import__('os').system('true')" + ", 'fortran_order': False, 'shape': (1,), }"), "an expression in the header", "CVE-2019-6446"
    yield "array-header-length.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"{'descr': '|O', ", "a header of four gigabytes", "https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"
    yield "array-shape-absurd.npy", array_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }") + bytes(32), "a shape that overflows", "https://github.com/numpy/numpy/issues"


def others():
    yield "torch-legacy.pt", legacy_torch(), "the old format of torch, its fourth pickle hostile", "https://github.com/mmaitre314/picklescan"
    magic = proto(2) + call(name("builtins", "eval"), "0x1950a86a20f9469cfc6c") + b"."
    yield "torch-legacy-magic.pt", legacy_torch(magic), "the magic number of the old format comes from a call", ADVISORY + "GHSA-97f8-7cmv-76j2"
    members = [regular("sys_info", b"\x80\x02}."), regular("storages", b"\x80\x02K\x00."), regular("tensors", b"\x80\x02K\x00."), regular("pickle", SYSTEM)]
    yield "torch-tar.pt", tarred(members), "the oldest format of torch, a tar", "CVE-2025-32434"
    yield "pickle-called-bin.bin", SYSTEM, "a mere pickle under the extension of torch", "CVE-2025-10155"
    yield "pickle-called-safetensors.safetensors", SYSTEM, "a pickle that is called safetensors", "CVE-2025-10155"
    yield "pickle-called-config.json", SYSTEM, "a pickle that is called JSON", "CVE-2025-1889"
    yield "pickle-called-onnx.onnx", SYSTEM, "a pickle that is called ONNX", "CVE-2025-10155"
    yield "pickle-without-extension", SYSTEM, "a pickle without an extension", "CVE-2025-1889"
    yield "torch-zip-called-gguf.gguf", torch_archive({"data.pkl": HOSTILE}), "a torch archive that is called GGUF", "CVE-2025-10155"
    yield "torch-7z.pth", seven_zip({"data.pkl": SYSTEM}), "a 7z archive under the extension of torch", NULLIFAI
    yield "torch-7z-stored.bin", seven_zip({"model.pt": torch_archive({"data.pkl": HOSTILE})}, "-m0=Copy"), "a torch archive in a 7z archive", NULLIFAI
    yield "torch-7z-hidden-names.7z", seven_zip({"data.pkl": SYSTEM}, "-psecret", "-mhe=on"), "a 7z archive whose names are encrypted", NULLIFAI
    yield "tar-pickle.tar.gz", gzip.compress(tarred([regular("models/model.pkl", SYSTEM)]), mtime=0), "a pickle in a tar", "https://github.com/mmaitre314/picklescan"
    yield "tar-escapes.tar", tarred([regular("model/config.json", b"{}"), regular("model/../../touched-by-scan-corpus", b"harmless")]), "an entry that leads out", "CVE-2024-5187"
    yield "tar-absolute.tar", tarred([regular("/tmp/touched-by-scan-corpus", b"harmless")]), "an entry with an absolute path", "CVE-2007-4559"
    yield "tar-link.tar", tarred([linked("model/link", "/etc"), regular("model/link/touched-by-scan-corpus", b"harmless")]), "a symbolic link that leads out, and an entry through it", "CVE-2025-4517"
    yield "tar-link-chain.tar", tarred([linked("a", "b/.."), linked("b", ".."), regular("a/touched-by-scan-corpus", b"harmless")]), "links that lead out by one another", "CVE-2025-4517"
    yield "tar-hard-link.tar", tarred([linked("model/passwd", "../../etc/passwd", tarfile.LNKTYPE)]), "a hard link to a file outside", "CVE-2025-4330"
    yield "tar-device.tar", tarred([("model/weights.bin", b"", tarfile.CHRTYPE, "")]), "a device", "CVE-2007-4559"
    yield "tar-renamed.keras", tarred([regular("../touched-by-scan-corpus", b"harmless")]), "a tar that leads out, called Keras", "CVE-2025-12060"
    yield "nested-gzip.pkl.gz", gzip.compress(gzip.compress(gzip.compress(SYSTEM, mtime=0), mtime=0), mtime=0), "a pickle under gzip, thrice", "https://github.com/mmaitre314/picklescan"


def items():
    for part in (zips, arrays, others):
        yield from part()
