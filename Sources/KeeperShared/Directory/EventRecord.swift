/// Begins one line of `events.jsonl` with what every event has; the caller adds members, ends the object and
/// the line.
package func appendEventHeader(
    json: inout JSONWriter, seq: Int, time: Timestamp, instance: String, event: StaticString
) {
    json.beginObject()
    json.key("format")
    json.integer(1)
    json.key("seq")
    json.integer(seq)
    json.key("time")
    json.string(time.rfc3339)
    json.key("instance")
    json.string(instance)
    json.key("event")
    json.string("\(event)")
}
