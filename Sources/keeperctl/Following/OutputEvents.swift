import CSystem
import KeeperShared

/// Makes events of one session's output, line by line.
final class OutputEvents {
    private let lines: StreamEventLines
    private let merge: JournalMerge
    /// In the order of the readers.
    private let streams: [StreamLines]
    private let sink: StreamSink
    private let states: SessionStates
    private let selection: LineSelection?
    /// Up to where everything has become events.
    private(set) var place: StreamEventLines.Place
    private let gaps = GapList()
    /// Kept, not made for each call: the reader's code would be there twice.
    private let noteGap: (StreamName, JournalGap) -> Void

    /// - Parameter starts: one stream, or both with stdout first.
    /// - Parameter place: where both streams are, read or not.
    /// - Parameter follows: whether to go on after what is there now.
    /// - Parameter selection: of which lines events are made; nil for all.
    init(
        _ lines: StreamEventLines, _ starts: [FollowedStream], _ place: StreamEventLines.Place, follows: Bool,
        _ selection: LineSelection?, _ states: SessionStates, _ sink: StreamSink,
        in folder: borrowing FileDescriptor
    ) throws(SystemError) {
        self.lines = lines
        self.selection = selection
        self.states = states
        self.sink = sink
        self.place = place
        merge = try FollowedStream.merge(starts, follows: follows, in: folder)
        streams = starts.map { StreamLines($0.name) }
        let gaps = gaps
        noteGap = { stream, gap in gaps.list.append((stream, gap)) }
    }

    /// Whether all lines that are wanted have become events.
    var isFull: Bool { selection?.isFull ?? false }

    /// When a part of a line becomes an event, on the monotonic clock.
    var deadline: Int64 {
        var first = Int64.max
        for stream in streams { first = min(first, stream.deadline) }
        return first
    }

    /// Appends an event that is not of output.
    func tell(_ type: StaticString, _ time: Int64, _ data: [UInt8]) throws(FollowFailure) {
        do throws(SystemError) {
            try append(type, time, data)
        } catch {
            throw .output(error)
        }
    }

    private func append(_ type: StaticString, _ time: Int64, _ data: [UInt8]) throws(SystemError) {
        try lines.append(type, time: time, nil, place, data, to: &sink.output.waiting)
    }

    /// Makes events of some more bytes.
    ///
    /// - Returns: false when the journals have no more for now.
    func copyChunk(in folder: borrowing FileDescriptor) throws(FollowFailure) -> Bool {
        if isFull { return false }
        do throws(SystemError) {
            let next = try merge.next(in: folder, gap: noteGap)
            for (name, gap) in gaps.list { try tell(gap, of: name, in: folder) }
            gaps.list.removeAll(keepingCapacity: true)
            guard let next else { return false }
            let reader = merge.readers[next.reader]
            let start = reader.position
            let count = min(next.count, sink.chunk)
            let space = try sink.scratch.room(for: count)
            let got = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: space[..<count]))
            let bytes = UnsafeRawBufferPointer(start: space.baseAddress, count: got)
            try add(bytes, to: streams[next.reader], at: start, base: reader.base, in: folder)
            return true
        } catch {
            throw .journal(error)
        }
    }

    private func add(
        _ bytes: UnsafeRawBufferPointer, to stream: StreamLines, at position: Int, base: Int,
        in folder: borrowing FileDescriptor
    ) throws(SystemError) {
        stream.index.enterSegment(base: base)
        var start = 0
        while start < bytes.count {
            if let selection, stream.held.isEmpty {
                start = selection.firstLine(in: bytes, from: start)
                place.set(stream.name, position + start)
                if start == bytes.count { return }
            }
            guard let end = lineFeed(in: bytes, from: start) else {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
                if try stream.hold(rest) { try release(stream, in: folder) }
                return
            }
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            if stream.held.isEmpty {
                try tell(piece, of: stream, isPartial: false, to: position + end + 1, in: folder)
            } else {
                _ = try stream.hold(piece)
                try tell(stream.held.bytes, of: stream, isPartial: false, to: position + end + 1, in: folder)
                stream.forget()
            }
            start = end + 1
            if isFull { return }
        }
    }

    /// Makes events of parts of lines whose rest was waited for long enough.
    func release(until now: Int64, in folder: borrowing FileDescriptor) throws(FollowFailure) {
        for stream in streams where stream.deadline <= now {
            // Its rest may make it a line that is wanted.
            if let selection, !selection.matches(stream.held.bytes) {
                stream.waitForEnd()
            } else {
                try reading(try release(stream, in: folder))
            }
        }
    }

    /// Makes events of all that is left when no more will come.
    ///
    /// - Parameter ends: how much the streams have carried, if that is known.
    func tellRest(
        _ ends: StreamEventLines.Place?, in folder: borrowing FileDescriptor
    ) throws(FollowFailure) {
        if isFull { return }
        do throws(SystemError) {
            for stream in streams {
                try release(stream, in: folder)
                guard let end = ends.map({ $0.position(of: stream.name) }) else { continue }
                let position = place.position(of: stream.name)
                // Removed with the session's files before it could be read.
                if position < end {
                    try tell(JournalGap(from: position, to: end), of: stream.name, in: folder)
                }
            }
        } catch {
            throw .journal(error)
        }
    }

    private func release(_ stream: StreamLines, in folder: borrowing FileDescriptor) throws(SystemError) {
        if stream.held.isEmpty || isFull { return }
        let end = place.position(of: stream.name) + stream.held.count
        try tell(stream.held.bytes, of: stream, isPartial: true, to: end, in: folder)
        stream.forget()
    }

    private func tell(
        _ content: UnsafeRawBufferPointer, of stream: StreamLines, isPartial: Bool, to end: Int,
        in folder: borrowing FileDescriptor
    ) throws(SystemError) {
        if let selection {
            if !selection.matches(content) { return place.set(stream.name, end) }
            selection.take()
        }
        let start = place.position(of: stream.name)
        let time = stream.index.knownTime(at: start, in: folder)
        while let change = states.next(until: time) { try append("status", change.time, change.data) }
        place.set(stream.name, end)
        try lines.appendOutput(
            stream.name, content, isPartial: isPartial, time: time,
            start..<end, place, to: &sink.output.waiting)
    }

    private func tell(
        _ gap: JournalGap, of name: StreamName, in folder: borrowing FileDescriptor
    ) throws(SystemError) {
        for stream in streams where stream.name == name { try release(stream, in: folder) }
        place.set(name, gap.to)
        let data = jsonObject { json in
            json.member("stream", text: name.text)
            json.member("bytes", gap.count)
        }
        try lines.append(
            "gap", time: Timestamp.now().nanoseconds, gap.from..<gap.to, place, data,
            to: &sink.output.waiting)
    }
}

/// Gaps that a reader came to.
private final class GapList {
    var list: [(StreamName, JournalGap)] = []
}
