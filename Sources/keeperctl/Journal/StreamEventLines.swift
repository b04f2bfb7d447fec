import CSystem
import KeeperShared

/// Writes the stream events of one session, each a line of JSON.
///
/// Made for output that comes as fast as files can be read: each byte is looked at once and copied once.
final class StreamEventLines {
    /// `","sessionId":"calc","instance":"0123456789abcdef","timestamp":`
    private let head: [UInt8]
    /// `,"cursor":"0123456789abcdef:`
    private let cursorHead: [UInt8]
    private var time: Int64 = 0
    /// ``head`` and the time.
    private var headAndTime: [UInt8] = []

    /// Up to where both streams have become events.
    struct Place {
        var stdout: Int
        var stderr: Int

        func position(of stream: StreamName) -> Int { stream == .stdout ? stdout : stderr }

        mutating func set(_ stream: StreamName, _ position: Int) {
            if stream == .stdout { stdout = position } else { stderr = position }
        }
    }

    init(_ id: SessionID, instance: String) {
        var json = JSONWriter()
        json.member("sessionId", id.string)
        json.member("instance", instance)
        json.key("timestamp")
        head = Array("\",".utf8) + json.bytes
        json = JSONWriter()
        json.member("cursor", instance)
        var cursorHead = [UInt8(ascii: ",")]
        cursorHead.append(contentsOf: json.bytes)
        cursorHead[cursorHead.count - 1] = UInt8(ascii: ":")
        self.cursorHead = cursorHead
        setTime(0)
    }

    /// Appends the event of one line of output.
    ///
    /// - Parameter time: when its first byte came, Unix time in ns; 0 when unknown.
    /// - Parameter extent: the positions of the content and the line feed after it, if there is one.
    /// - Parameter place: after it.
    func appendOutput(
        _ stream: StreamName, _ content: UnsafeRawBufferPointer, isPartial: Bool, time: Int64,
        _ extent: Range<Int>, _ place: Place, to buffer: inout PageBuffer
    ) throws(SystemError) {
        let room = try buffer.room(for: RawLine.room(for: content.count) + fixedRoom)
        var line = RawLine(in: room)
        begin(&line, "output", time, extent, place)
        line.put("{\"stream\":\"")
        line.put(stream.text)
        line.put("\",\"content\":\"")
        if line.putText(content) {
            line.put("\",\"encoding\":\"utf8\"")
        } else {
            line.putBase64(content)
            line.put("\",\"encoding\":\"base64\"")
        }
        line.put(isPartial ? ",\"partial\":true}}\n" : "}}\n")
        buffer.grow(by: line.count)
    }

    /// Appends any event.
    ///
    /// - Parameter data: a JSON object.
    func append(
        _ type: StaticString, time: Int64, _ extent: Range<Int>?, _ place: Place, _ data: [UInt8],
        to buffer: inout PageBuffer
    ) throws(SystemError) {
        let room = try buffer.room(for: data.count + fixedRoom)
        var line = RawLine(in: room)
        begin(&line, type, time, extent, place)
        line.put(data)
        line.put("}\n")
        buffer.grow(by: line.count)
    }

    private var fixedRoom: Int { head.count + cursorHead.count + 256 }

    private func begin(
        _ line: inout RawLine, _ type: StaticString, _ time: Int64, _ extent: Range<Int>?, _ place: Place
    ) {
        line.put("{\"type\":\"")
        line.put(type)
        if time != self.time { setTime(time) }
        line.put(headAndTime)
        var next = (number: -1, start: 0, end: 0)
        if let extent {
            line.put(",\"seq\":")
            line.put(extent.lowerBound)
            line.put(",\"next\":")
            next = (extent.upperBound, line.count, 0)
            line.put(extent.upperBound)
            next.end = line.count
        }
        line.put(cursorHead)
        if place.stdout == next.number {
            line.repeatBytes(from: next.start, to: next.end)
        } else {
            line.put(place.stdout)
        }
        line.put(":")
        line.put(place.stderr)
        line.put("\",\"data\":")
    }

    @inline(never)
    private func setTime(_ time: Int64) {
        self.time = time
        headAndTime = head
        if time > 0 {
            headAndTime.appendDecimal(UInt64(time / .milliseconds(1)))
        } else {
            headAndTime.append(literal: "null")
        }
    }
}
