"""ChecksumWriter against hashlib."""

import hashlib
import io

from analytics.files.checksums import ChecksumWriter, no_op


def test_pieces_are_copied_up_to_the_first_mismatch() -> None:
    parts = [
        {"bytes": 3, "sha256": hashlib.sha256(b"name\na,b").hexdigest()},
        {"bytes": 2, "sha256": hashlib.sha256(b"name\na,bcd").hexdigest()},
        {"bytes": 4, "sha256": hashlib.sha256(b"name\na,bcdefgh").hexdigest()},
    ]
    for source, copied, held in [
        (b"a,bcdefgh and more", 3, b"name\na,bcdefgh"),
        (b"a,bcdef", 2, b"name\na,bcd"),
        (b"a,bcXefgh", 1, b"name\na,b"),
        (b"", 0, b"name\n"),
    ]:
        sink = io.BytesIO()
        summed = ChecksumWriter(sink)
        summed.write(b"name\n")
        assert summed.copy_verified(io.BytesIO(source), parts, no_op) == copied
        summed.write(b"!")
        assert (sink.getvalue(), summed.bytes) == (held + b"!", len(held) + 1)
        assert summed.sha256 == hashlib.sha256(held + b"!").hexdigest()
