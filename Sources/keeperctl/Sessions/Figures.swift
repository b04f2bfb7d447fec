import KeeperShared

/// A size for people, in at most four characters and a unit: `512`, `9.8K`, `120M`.
func sizeText(_ bytes: Int?) -> String {
    guard let bytes else { return "-" }
    let units: StaticString = "KMGTP"
    var unit = -1
    var whole = max(0, bytes)
    var tenths = 0
    while whole >= 1000, unit < 4 {
        tenths = whole % 1024 * 10 / 1024
        whole /= 1024
        unit += 1
    }
    var text = [UInt8](String(whole).utf8)
    if unit >= 0 {
        if whole < 10 { text += [UInt8(ascii: "."), UInt8(ascii: "0") + UInt8(tenths)] }
        text.append(units.utf8Start[unit])
    }
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
