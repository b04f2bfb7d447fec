import KeeperShared

/// An object as JSON, whose members `write` appends.
///
/// - Parameter isLine: whether a line feed follows.
@inline(never) func jsonObject(isLine: Bool = false, _ write: (inout JSONWriter) -> Void) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    write(&json)
    json.endObject()
    if isLine { json.endLine() }
    return json.bytes
}
