"""The embedded store's file, changed while its server is down: what a crash or the passing of time leaves there."""
import sqlite3, struct

MASK = (1 << 64) - 1


def mix(data, seed):
    """src/store/key_index.cc: hash_bytes."""
    multiplier = 0x9E3779B97F4A7C15
    h = (seed ^ (len(data) * multiplier)) & MASK
    whole = len(data) // 8 * 8
    for (word,) in struct.iter_unpack("<Q", data[:whole]):
        h = ((h ^ word) * multiplier) & MASK
        h ^= h >> 29
    h = ((h ^ int.from_bytes(data[whole:], "little")) * multiplier) & MASK
    h = ((h ^ (h >> 32)) * 0xD6E8FEB86659FD93) & MASK
    return h ^ (h >> 32)


def checksum(revision, key, value, created, expires):
    """src/store/log_database.cc: checksum_of."""
    h = mix(value or b"", mix(key, revision) ^ (0x5555 if value is None else 0))
    return struct.unpack("<q", struct.pack("<Q", mix(struct.pack("<qq", created, expires), h)))[0]


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return number, at


def with_field(message, field, payload):
    """A protobuf message of length-delimited fields only, one of them replaced."""
    out, at = {}, 0
    while at < len(message):
        tag, at = read_varint(message, at)
        size, at = read_varint(message, at)
        assert tag & 7 == 2, "a field that is not length-delimited"
        out[tag >> 3], at = message[at:at + size], at + size
    old, out[field] = out.get(field, b""), payload
    return old, b"".join(varint(number << 3 | 2) + varint(len(part)) + part for number, part in sorted(out.items()))


class LogDatabase:
    def __init__(self, data_dir):
        self.db = sqlite3.connect(f"{data_dir}/store/store.db")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.commit()
        self.db.close()

    def newest(self, key):
        """(revision, value, created, expires) of the newest write of a key."""
        row = self.db.execute("SELECT revision, value, create_revision, expires FROM log WHERE key = ? ORDER BY revision DESC LIMIT 1", (key.encode(),)).fetchone()
        assert row, f"nothing in the log about {key}"
        return row

    def change(self, key, value=None, expires=None):
        """Gives a key's newest row another value or another time of expiry (nanoseconds of Unix time)."""
        revision, old, created, old_expires = self.newest(key)
        value, expires = old if value is None else value, old_expires if expires is None else expires
        self.db.execute("UPDATE log SET value = ?, expires = ?, checksum = ? WHERE revision = ?",
                        (value, expires, checksum(revision, key.encode(), value, created, expires), revision))

    def set_bitmap(self, key, bitmap):
        """Replaces what a RangeAllocation says is taken."""
        value = self.newest(key)[1]
        assert value.startswith(b"k8s\0"), value[:20]
        raw, _ = with_field(value[4:], 2, b"")
        _, allocation = with_field(raw, 3, bitmap)
        self.change(key, b"k8s\0" + with_field(value[4:], 2, allocation)[1])
