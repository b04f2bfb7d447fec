/// A label by which sessions are chosen.
struct WantedLabel {
    let name: [UInt8]
    /// Any value when it is nil.
    let value: [UInt8]?

    init(_ text: ArraySlice<UInt8>) {
        let sign = text.firstIndex(of: UInt8(ascii: "="))
        name = Array(text[..<(sign ?? text.endIndex)])
        value = sign.map { Array(text[($0 + 1)...]) }
    }
}
