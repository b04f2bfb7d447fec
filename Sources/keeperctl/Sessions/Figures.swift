import KeeperShared

/// A size for people, as in all tables: `512`, `9.8K`, `120M`; `-` for nil.
func sizeText(_ bytes: Int?) -> String {
    guard let bytes else { return "-" }
    var text: [UInt8] = []
    text.appendRoundedSize(bytes)
    return String(decoding: text, as: UTF8.self)
}

/// `12.3` for 123: per cent from permille.
func percentText(_ permille: Int?) -> String {
    permille.map { concat(String($0 / 10), ".", String($0 % 10)) } ?? "-"
}

/// Seconds with the two decimals that the kernel counts: `1.25`.
func secondsText(_ nanoseconds: Int64) -> String {
    let hundredths = max(0, nanoseconds) / 10_000_000
    let rest = hundredths % 100
    return concat(String(hundredths / 100), rest < 10 ? ".0" : ".", String(rest))
}
