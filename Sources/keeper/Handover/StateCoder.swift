import KeeperShared

/// Writes a keeper's state for the next binary, and reads it back: one description of a record serves both.
///
/// A record is a sequence of fields, each a tag (u32), a length in bytes (u64) and its content, little-endian as the
/// machine is. A reader passes over tags that it doesn't know, and keeps what it has where one is missing: fields
/// can be added without a new format.
struct StateCoder {
    private enum Mode {
        case writing
        case reading(UnsafeRawBufferPointer)
    }

    private var mode: Mode
    /// What was written.
    private(set) var bytes: [UInt8] = []
    /// Descriptors that the state names.
    private(set) var descriptors: [Int32] = []
    /// What was read makes no sense.
    private(set) var isBroken = false

    init() { mode = .writing }

    init(reading bytes: UnsafeRawBufferPointer) { mode = .reading(bytes) }

    private static let headerSize = 12

    private mutating func header(_ tag: UInt32, _ length: Int) {
        withUnsafeBytes(of: tag.littleEndian) { bytes += $0 }
        withUnsafeBytes(of: UInt64(length).littleEndian) { bytes += $0 }
    }

    /// The content of the next field with this tag at or after `offset`, and where it ends.
    private mutating func find(
        _ tag: UInt32, in record: UnsafeRawBufferPointer, from offset: inout Int
    ) -> UnsafeRawBufferPointer? {
        while offset + StateCoder.headerSize <= record.count {
            let found = UInt32(littleEndian: record.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            let length = UInt64(
                littleEndian: record.loadUnaligned(fromByteOffset: offset + 4, as: UInt64.self))
            let start = offset + StateCoder.headerSize
            guard length <= UInt64(record.count - start) else { break }
            offset = start + Int(length)
            if found == tag { return UnsafeRawBufferPointer(rebasing: record[start..<offset]) }
        }
        if offset != record.count { isBroken = true }
        return nil
    }

    private mutating func first(_ tag: UInt32) -> UnsafeRawBufferPointer? {
        guard case .reading(let record) = mode else { return nil }
        var offset = 0
        return find(tag, in: record, from: &offset)
    }

    mutating func integer(_ tag: UInt32, _ value: inout Int64) {
        switch mode {
        case .writing:
            header(tag, 8)
            withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
        case .reading:
            guard let field = first(tag) else { return }
            if field.count == 8 {
                value = Int64(littleEndian: field.loadUnaligned(as: Int64.self))
            } else {
                isBroken = true
            }
        }
    }

    mutating func integer<Number: FixedWidthInteger>(_ tag: UInt32, _ value: inout Number) {
        var wide = Int64(truncatingIfNeeded: value)
        integer(tag, &wide)
        value = Number(truncatingIfNeeded: wide)
    }

    mutating func flag(_ tag: UInt32, _ value: inout Bool) {
        var wide: Int64 = value ? 1 : 0
        integer(tag, &wide)
        value = wide != 0
    }

    /// The number of a descriptor that stays open across exec; -1 is none.
    mutating func descriptor(_ tag: UInt32, _ value: inout Int32) {
        integer(tag, &value)
        if value >= 0 { descriptors.append(value) }
    }

    mutating func data(_ tag: UInt32, _ value: inout [UInt8]) {
        switch mode {
        case .writing:
            header(tag, value.count)
            bytes += value
        case .reading:
            if let field = first(tag) { value = Array(field) }
        }
    }

    mutating func text(_ tag: UInt32, _ value: inout String) {
        var utf8 = Array(value.utf8)
        data(tag, &utf8)
        value = String(decoding: utf8, as: UTF8.self)
    }

    /// What tells a file from others.
    mutating func file(_ tag: UInt32, _ file: inout FileMetadata?) {
        var (device, inode) = (UInt64(file?.device ?? 0), UInt64(file?.inode ?? 0))
        integer(tag, &device)
        integer(tag + 1, &inode)
        file = inode == 0 ? nil : FileMetadata(device: UInt(device), inode: UInt(inode))
    }

    /// A record within the record.
    mutating func record(_ tag: UInt32, _ code: (inout StateCoder) -> Void) {
        switch mode {
        case .writing:
            var inner = StateCoder()
            code(&inner)
            data(tag, &inner.bytes)
            descriptors += inner.descriptors
        case .reading: if let field = first(tag) { read(field, code) }
        }
    }

    private mutating func read(_ field: UnsafeRawBufferPointer, _ code: (inout StateCoder) -> Void) {
        var inner = StateCoder(reading: field)
        code(&inner)
        descriptors += inner.descriptors
        if inner.isBroken { isBroken = true }
    }

    /// The records with this tag, one after the other.
    ///
    /// - Parameters:
    ///   - empty: what a record is read into.
    ///   - code: writes or reads one of them.
    mutating func list<Item>(
        _ tag: UInt32, _ items: inout [Item], of empty: Item,
        _ code: (inout Item, inout StateCoder) -> Void
    ) {
        switch mode {
        case .writing: for index in items.indices { record(tag) { code(&items[index], &$0) } }
        case .reading(let bytes):
            var offset = 0
            while let field = find(tag, in: bytes, from: &offset) {
                items.append(empty)
                read(field) { code(&items[items.count - 1], &$0) }
            }
        }
    }
}
