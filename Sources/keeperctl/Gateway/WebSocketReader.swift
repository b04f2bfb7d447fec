import CSystem
import KeeperShared

/// Why a WebSocket is closed, by the codes of RFC 6455, 7.4.
struct WebSocketClose: Error, Equatable {
    let code: UInt16
    let reason: StaticString

    static let going = WebSocketClose(code: 1001, reason: "the gateway ends")
    static let notAllowed = WebSocketClose(code: 1008, reason: "not allowed")
    static let tooBig = WebSocketClose(code: 1009, reason: "too big")
    static let trouble = WebSocketClose(code: 1011, reason: "trouble")
    static let noSession = WebSocketClose(code: 4404, reason: "no such session")
    static let notUTF8 = WebSocketClose(code: 1007, reason: "a text that is not UTF-8")

    static func broken(_ reason: StaticString) -> WebSocketClose {
        WebSocketClose(code: 1002, reason: reason)
    }

    // Reasons are for people; the code is what counts.
    static func == (left: WebSocketClose, right: WebSocketClose) -> Bool { left.code == right.code }
}

/// What a client sent.
enum WebSocketMessage {
    case text
    case binary
    case ping
    case pong
    case close
}

/// Reads frames of a client (RFC 6455), and puts messages together from them.
///
/// The bytes of a message that came in one frame are handed on where they lie; only what came in several is copied.
struct WebSocketReader: ~Copyable {
    private let limit: Int
    /// The message that is not whole yet: its type, and what has come of it.
    private var open: WebSocketMessage?
    private var partial = PageBuffer()
    private var text = UTF8Check()
    /// The frame whose payload is being taken piece by piece.
    private var frame: Frame?

    private struct Frame {
        let isLast: Bool
        var left: Int
        let mask: UInt32
        /// Bytes that were taken, for the mask's place.
        var taken = 0
    }

    /// - Parameter limit: bytes of a message.
    init(limit: Int) { self.limit = limit }

    private static let longestControl = 125

    /// Takes what is whole, and calls `body` with each message. Its bytes are valid only during the call.
    ///
    /// - Parameter input: changed: payloads are unmasked in place.
    /// - Parameter body: returns false to stop after this message.
    /// - Returns: how many bytes were taken.
    mutating func take(
        _ input: UnsafeMutableRawBufferPointer,
        _ body: (WebSocketMessage, UnsafeRawBufferPointer) throws(WebSocketClose) -> Bool
    ) throws(WebSocketClose) -> Int {
        var used = 0
        while used < input.count {
            if frame != nil {
                let count = try takePart(UnsafeMutableRawBufferPointer(rebasing: input[used...]))
                used += count
                if try !finishFrame(body) { break }
                continue
            }
            guard let head = try head(UnsafeRawBufferPointer(rebasing: input[used...])) else { break }
            let start = used + head.count
            if head.payload > input.count - start {
                // A control frame is short: it waits until it is whole. Of a long message parts are kept.
                if head.isControl { break }
                try begin(head)
                used = start
                continue
            }
            let payload = UnsafeMutableRawBufferPointer(rebasing: input[start..<(start + head.payload)])
            WebSocketReader.unmask(payload, head.mask, at: 0)
            used = start + head.payload
            if head.isControl || (head.isLast && open == nil) {
                if case .text = head.type, !head.isControl {
                    var check = UTF8Check()
                    if !check.take(UnsafeRawBufferPointer(payload)) || !check.isWhole { throw .notUTF8 }
                }
                if !(try body(head.type, UnsafeRawBufferPointer(payload))) { break }
            } else {
                try begin(head)
                try add(UnsafeRawBufferPointer(payload))
                frame!.left = 0
                if try !finishFrame(body) { break }
            }
        }
        return used
    }

    /// Gives back what the messages of a turn needed: an idle client has no pages.
    mutating func settle() {
        if partial.isEmpty, partial.capacity > 0 { partial = PageBuffer() }
    }

    // MARK: Heads

    private struct Head {
        let isLast: Bool
        let isContinuation: Bool
        let isControl: Bool
        let type: WebSocketMessage
        let payload: Int
        let mask: UInt32
        let count: Int
    }

    /// The next frame's head; nil when it is not there as a whole.
    private func head(_ bytes: UnsafeRawBufferPointer) throws(WebSocketClose) -> Head? {
        if bytes.count < 2 { return nil }
        let first = bytes[0]
        let isLast = first & 0x80 != 0
        if first & 0x70 != 0 { throw .broken("reserved bits are set") }
        let type: WebSocketMessage
        var isContinuation = false
        switch first & 0x0F {
        case 0:
            guard let open else { throw .broken("a message goes on that has not begun") }
            type = open
            isContinuation = true
        case 1: type = .text
        case 2: type = .binary
        case 8: type = .close
        case 9: type = .ping
        case 10: type = .pong
        default: throw .broken("an unknown opcode")
        }
        let isControl = first & 0x08 != 0
        if isControl && !isLast { throw .broken("a control frame in parts") }
        if !isControl && !isContinuation && open != nil {
            throw .broken("a message begins before the one before has ended")
        }
        if bytes[1] & 0x80 == 0 { throw .broken("a client's frame without a mask") }
        var payload = UInt64(bytes[1] & 0x7F)
        var count = 2
        if payload == 126 {
            if bytes.count < 4 { return nil }
            payload = UInt64(bytes[2]) << 8 | UInt64(bytes[3])
            count = 4
            if payload < 126 { throw .broken("a length in more bytes than it needs") }
        } else if payload == 127 {
            if bytes.count < 10 { return nil }
            payload = 0
            for index in 2..<10 { payload = payload << 8 | UInt64(bytes[index]) }
            count = 10
            if payload < 1 << 16 { throw .broken("a length in more bytes than it needs") }
        }
        if isControl && payload > WebSocketReader.longestControl {
            throw .broken("a control frame of more than 125 bytes")
        }
        // Said before anything of it has come.
        if !isControl && payload > UInt64(limit - (open == nil ? 0 : partial.count)) { throw .tooBig }
        if bytes.count < count + 4 { return nil }
        let mask = bytes.loadUnaligned(fromByteOffset: count, as: UInt32.self)
        return Head(
            isLast: isLast, isContinuation: isContinuation, isControl: isControl, type: type,
            payload: Int(payload), mask: mask, count: count + 4)
    }

    // MARK: Messages in parts

    private mutating func begin(_ head: Head) throws(WebSocketClose) {
        if !head.isContinuation {
            open = head.type
            text = UTF8Check()
        }
        frame = Frame(isLast: head.isLast, left: head.payload, mask: head.mask)
    }

    private mutating func takePart(_ bytes: UnsafeMutableRawBufferPointer) throws(WebSocketClose) -> Int {
        guard let current = frame else { return 0 }
        let count = min(current.left, bytes.count)
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
        WebSocketReader.unmask(part, current.mask, at: current.taken)
        frame!.left -= count
        frame!.taken += count
        try add(UnsafeRawBufferPointer(part))
        return count
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) throws(WebSocketClose) {
        // Checked as it comes: a client that sends garbage is told before it has sent it all.
        if case .text = open, !text.take(bytes) { throw .notUTF8 }
        do throws(SystemError) { try partial.append(bytes) } catch { throw .trouble }
    }

    /// - Returns: false when the message is whole, and no other is wanted now.
    private mutating func finishFrame(
        _ body: (WebSocketMessage, UnsafeRawBufferPointer) throws(WebSocketClose) -> Bool
    ) throws(WebSocketClose) -> Bool {
        guard let current = frame, current.left == 0 else { return true }
        frame = nil
        guard current.isLast, let type = open else { return true }
        if case .text = type, !text.isWhole { throw .notUTF8 }
        open = nil
        let goesOn = try body(type, partial.bytes)
        partial.removeFirst(partial.count)
        return goesOn
    }

    /// Eight bytes at a time.
    ///
    /// - Parameter place: how many bytes of the payload came before.
    static func unmask(_ bytes: UnsafeMutableRawBufferPointer, _ mask: UInt32, at place: Int) {
        let turned = mask &>> UInt32(8 * (place & 3)) | mask &<< UInt32((32 - 8 * (place & 3)) & 31)
        let key = place & 3 == 0 ? mask : turned
        let wide = UInt64(key) << 32 | UInt64(key)
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            bytes.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        while offset < bytes.count {
            bytes[offset] ^= UInt8(truncatingIfNeeded: key &>> UInt32(8 * (offset & 3)))
            offset += 1
        }
    }
}

/// Checks text that comes in pieces.
struct UTF8Check {
    /// The sequence that is not whole yet.
    private var rest: [UInt8] = []

    /// Whether no sequence is left open.
    var isWhole: Bool { rest.isEmpty }

    /// - Returns: false when the text can't be UTF-8 any more, whatever comes.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var start = 0
        while !rest.isEmpty, start < bytes.count {
            rest.append(bytes[start])
            start += 1
            switch UTF8Check.look(rest) {
            case .valid: rest.removeAll(keepingCapacity: true)
            case .open: break
            case .broken: return false
            }
        }
        let text = bytes.bindMemory(to: UInt8.self)
        while start < text.count {
            if start + 8 <= text.count,
                bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                start += 8
                continue
            }
            switch UTF8Sequence(in: text, at: start) {
            case .valid(let length): start += length
            case .invalid(let length):
                rest = Array(text[start...].prefix(4))
                guard start + length == text.count, case .open = UTF8Check.look(rest) else { return false }
                return true
            }
        }
        return true
    }

    private enum Look { case valid, open, broken }

    private static func look(_ bytes: [UInt8]) -> Look {
        bytes.withUnsafeBufferPointer { text in
            switch UTF8Sequence(in: text, at: 0) {
            case .valid(let length): return length == text.count ? .valid : .broken
            case .invalid(let length):
                // All of it is a prefix of some sequence.
                if length != text.count { return .broken }
                let needed = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2
                return text[0] >= 0xC2 && text[0] <= 0xF4 && length < needed ? .open : .broken
            }
        }
    }
}

/// The head of a frame of ours, which has no mask.
///
/// - Parameter opcode: 1 text, 2 binary, 8 close, 9 ping, 10 pong.
func webSocketHead(opcode: UInt8, payload: Int) -> [UInt8] {
    var head = [0x80 | opcode]
    if payload < 126 {
        head.append(UInt8(payload))
    } else if payload < 1 << 16 {
        head += [126, UInt8(payload >> 8), UInt8(payload & 0xFF)]
    } else {
        head.append(127)
        for shift in stride(from: 56, through: 0, by: -8) { head.append(UInt8(payload >> shift & 0xFF)) }
    }
    return head
}
