"""Pictures and papers of any size, made here: what a camera, a screenshot or a scan would be."""

import base64
import random
import struct
import zlib

from playwright.async_api import FilePayload, Page


def noise_png(width: int, height: int) -> bytes:
    """Return a PNG that cannot be compressed: three bytes a pixel."""
    rows = random.Random(width * height)
    data = b"".join(b"\0" + rows.randbytes(width * 3) for _ in range(height))

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data, 0)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def with_orientation(jpeg: bytes, orientation: int, place: bytes = b"") -> bytes:
    """Return a JPEG whose camera has noted how it was held (EXIF), and ``place`` in a comment."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0) + place
    assert jpeg[:2] == b"\xff\xd8"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


async def half_red_jpeg(page: Page, width: int, height: int) -> bytes:
    """Return a JPEG whose left half is red and whose right half is blue."""
    data: str = await page.evaluate(
        """([width, height]) => {
          const canvas = Object.assign(document.createElement('canvas'), {width, height});
          const context = canvas.getContext('2d');
          context.fillStyle = 'red';
          context.fillRect(0, 0, width / 2, height);
          context.fillStyle = 'blue';
          context.fillRect(width / 2, 0, width / 2, height);
          return canvas.toDataURL('image/jpeg').split(',')[1];
        }""",
        [width, height],
    )
    return base64.b64decode(data)


def paper(name: str, size: int) -> FilePayload:
    """Return a PDF of ``size`` bytes, as far as the page looks at it."""
    content = b"%PDF-1.4\n" + bytes(size - 9)
    return FilePayload(name=name, mimeType="application/pdf", buffer=content)
