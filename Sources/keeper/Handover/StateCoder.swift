import CSystem
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

    /// Writes.
    init() { mode = .writing }

    /// Reads.
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

    mutating func integer(_ tag: UInt32, _ value: inout Int) {
        var wide = Int64(value)
        integer(tag, &wide)
        value = Int(wide)
    }

    mutating func integer(_ tag: UInt32, _ value: inout UInt64) {
        var wide = Int64(bitPattern: value)
        integer(tag, &wide)
        value = UInt64(bitPattern: wide)
    }

    mutating func flag(_ tag: UInt32, _ value: inout Bool) {
        var wide: Int64 = value ? 1 : 0
        integer(tag, &wide)
        value = wide != 0
    }

    /// The number of a descriptor that stays open across exec; -1 is none.
    mutating func descriptor(_ tag: UInt32, _ value: inout Int32) {
        var wide = Int64(value)
        integer(tag, &wide)
        value = Int32(truncatingIfNeeded: wide)
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

    /// A record within the record.
    private mutating func nested(_ tag: UInt32, _ code: (inout StateCoder) -> Void) {
        var inner = StateCoder()
        code(&inner)
        header(tag, inner.bytes.count)
        bytes += inner.bytes
        descriptors += inner.descriptors
    }

    /// The records with this tag, one after the other: `code` is called for each that is there.
    ///
    /// - Parameters:
    ///   - count: how many there are to write.
    ///   - code: gets the index; when it reads, of a record that it has to make first.
    mutating func records(_ tag: UInt32, count: Int, _ code: (Int, inout StateCoder) -> Void) {
        switch mode {
        case .writing: for index in 0..<count { nested(tag) { code(index, &$0) } }
        case .reading(let record):
            var offset = 0
            var index = 0
            while let field = find(tag, in: record, from: &offset) {
                var inner = StateCoder(reading: field)
                code(index, &inner)
                descriptors += inner.descriptors
                if inner.isBroken { isBroken = true }
                index += 1
            }
        }
    }

    var isReading: Bool {
        if case .reading = mode { true } else { false }
    }
}
