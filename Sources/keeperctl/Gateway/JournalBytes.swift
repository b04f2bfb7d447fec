import CSystem
import KeeperShared

/// One stream of a session as it is kept, or the part of it that a request's Range names (RFC 9110, 14).
///
/// Positions are the journal's: its first byte is the oldest that is kept, not 0. Read only as fast as the client reads.
final class JournalBytes: ResponseStream {
    let response: HTTPResponse?
    let length: HTTPLength
    var connection: GatewayConnection?
    private let folder: FileDescriptor
    private let reader: JournalReader

    /// - Throws: 404 without the session, 416 for a part that is not kept.
    init(
        _ stream: StreamName, of id: SessionID, _ request: HTTPRequest?, in directory: String
    ) throws(HTTPFailure) {
        let whole: Range<Int>
        do throws(SystemError) {
            folder = try FileDescriptor.open(
                concat(directory, "/", SessionNames(id).folder), O_RDONLY | O_DIRECTORY)
            let timeline = try JournalTimeline(stream, in: folder)
            whole = timeline.start..<max(timeline.start, timeline.end)
        } catch {
            if error.code == ENOENT {
                throw HTTPFailure(404, concat("no session ", quoted(id.string)), code: "noSession")
            }
            throw HTTPFailure(500, error.text)
        }
        let part = JournalBytes.part(request, of: whole)
        let end = String(whole.upperBound)
        if let part, part.isEmpty {
            throw HTTPFailure(
                416, concat("the journal holds the bytes from ", String(whole.lowerBound), " up to ", end),
                field: concat("Content-Range: bytes */", end))
        }
        reader = JournalReader(stream, from: part?.lowerBound ?? whole.lowerBound)
        reader.limit = part?.upperBound ?? whole.upperBound
        length = .known(reader.limit - reader.position)
        var response = HTTPResponse(type: MediaType.bytes, fields: ["Accept-Ranges: bytes"])
        if let part {
            response.status = 206
            response.fields.append(
                concat(
                    "Content-Range: bytes ", String(part.lowerBound), "-", String(part.upperBound - 1), "/",
                    end
                ))
        }
        self.response = response
    }

    /// What a Range asks for: nil for everything, also where it can't be given as one part; empty for what isn't there.
    private static func part(_ request: HTTPRequest?, of whole: Range<Int>) -> Range<Int>? {
        // Nothing here has a validator that an If-Range could name.
        guard let field = request?.field("range"), request?.field("if-range") == nil, field.count > 6,
            isText(lowerCase(Array(field[..<6])), "bytes=")
        else { return nil }
        let parts = trimmed(field[6...]).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let (first, last) = (decimal(Array(parts[0])), decimal(Array(parts[1])))
        var part = whole
        switch (first, last) {
        case (let first?, let last?) where first <= last:
            part = first..<min(last, Int.max - 1) + 1
        case (let first?, nil) where parts[1].isEmpty: part = first..<max(first, whole.upperBound)
        case (nil, let count?) where parts[0].isEmpty:
            part = whole.upperBound - min(count, whole.count)..<whole.upperBound
        default: return nil
        }
        return part.clamped(to: whole)
    }

    func fill(_ body: inout PageBuffer, limit: Int) throws(HTTPFailure) -> Bool {
        if reader.position == reader.limit { return true }
        do throws(SystemError) {
            var isGone = false
            let count = min(try reader.look(in: folder) { _ in isGone = true }, max(limit, 1))
            // The head has said how much comes: the connection's end says that it can't.
            if isGone || count == 0 { throw SystemError("read", "journal", ENODATA) }
            let space = try body.room(for: count)
            body.grow(by: try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: space[..<count])))
        } catch {
            throw HTTPFailure(500, error.text)
        }
        return reader.position == reader.limit
    }

    func end() {}
}
