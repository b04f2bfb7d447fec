/// Begins one line of `events.jsonl` with what every event has; the caller adds members, ends the object and
/// the line.
package func appendEventHeader(
    json: inout JSONWriter, seq: Int, time: Timestamp, instance: String, event: StaticString
) {
    json.beginObject()
    json.member("format", 1)
    json.member("seq", seq)
    json.member("time", time.rfc3339)
    json.member("instance", instance)
    json.member("event", "\(event)")
}
