import KeeperShared

/// What makes a request one for a WebSocket (RFC 6455, 4.2.1).
///
/// - Throws: 426 for a request that asks for none, or for another version; 400 without a proper key.
func checkHandshake(_ request: HTTPRequest) throws(HTTPFailure) {
    guard request.method == .get, !request.isOld, request.has("upgrade", in: "connection"),
        request.has("websocket", in: "upgrade")
    else {
        throw HTTPFailure(426, "this path is for WebSocket clients", field: "Upgrade: websocket")
    }
    guard let version = request.field("sec-websocket-version"), sameText(version, "13") else {
        throw HTTPFailure(426, "only version 13 of WebSocket is spoken", field: "Sec-WebSocket-Version: 13")
    }
    // 16 bytes in base64.
    guard let key = request.field("sec-websocket-key"), key.count == 24,
        key.suffix(2).elementsEqual("==".utf8), key.prefix(22).allSatisfy(base64Digits.contains)
    else {
        throw HTTPFailure(400, "Sec-WebSocket-Key is not 16 bytes in base64")
    }
}

/// The words of a list field.
func listedWords(of value: [UInt8]?) -> [String] {
    (value ?? []).split(separator: UInt8(ascii: ",")).map { String(decoding: trimmed($0), as: UTF8.self) }
}

/// The head of the answer to a handshake.
func webSocketAccept(_ key: [UInt8], _ subprotocol: String?) -> [UInt8] {
    let digest = sha1(key + Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
    var head: [UInt8] = []
    head.append(
        literal:
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    )
    head += base64(digest)
    if let subprotocol { head += Array(concat("\r\nSec-WebSocket-Protocol: ", subprotocol).utf8) }
    head.append(literal: "\r\n\r\n")
    return head
}

/// FIPS 180-4. The handshake needs it, and nothing that must be secret.
func sha1(_ message: [UInt8]) -> [UInt8] {
    var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0
    )
    var bytes = message + [0x80]
    while bytes.count % 64 != 56 { bytes.append(0) }
    let bits = UInt64(message.count) * 8
    for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
    }
    var words = [UInt32](repeating: 0, count: 80)
    for block in stride(from: 0, to: bytes.count, by: 64) {
        for index in 0..<16 {
            let at = block + 4 * index
            words[index] =
                UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16 | UInt32(bytes[at + 2]) << 8
                | UInt32(bytes[at + 3])
        }
        for index in 16..<80 {
            words[index] = rotate(
                words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1)
        }
        var (a, b, c, d, e) = state
        for index in 0..<80 {
            let (mixed, constant): (UInt32, UInt32) =
                switch index {
                case ..<20: ((b & c) | (~b & d), 0x5A82_7999)
                case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
                case ..<60: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
                default: (b ^ c ^ d, 0xCA62_C1D6)
                }
            let next = rotate(a, 5) &+ mixed &+ e &+ constant &+ words[index]
            (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
        }
        state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
    }
    var digest: [UInt8] = []
    for word in [state.0, state.1, state.2, state.3, state.4] {
        for shift in stride(from: 24, through: 0, by: -8) {
            digest.append(UInt8(truncatingIfNeeded: word >> UInt32(shift)))
        }
    }
    return digest
}

private func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }

private let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// RFC 4648, 4.
func base64(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        var group: UInt32 = 0
        for index in start..<(start + 3) {
            group = group << 8 | UInt32(index < bytes.count ? bytes[index] : 0)
        }
        for digit in 0..<4 {
            text.append(
                start + digit > bytes.count
                    ? UInt8(ascii: "=") : base64Digits[Int(group >> UInt32(18 - 6 * digit) & 63)])
        }
    }
    return text
}
