/// The texts, one after the other. String interpolation and `+` are inlined wherever they stand, some
/// hundred bytes each; messages aren't worth that.
@inline(never) package func concat(_ parts: String...) -> String {
    var bytes: [UInt8] = []
    for part in parts { bytes.append(contentsOf: part.utf8) }
    return String(decoding: bytes, as: UTF8.self)
}
