import KeeperShared

/// Learns from a session's events how it ended. As it holds the file, it does so also when a session that removes its
/// files has done that.
final class EndTail {
    private let folder: FileDescriptor
    private var file = EventFile()
    /// How the session has ended; nil as long as that isn't known.
    private(set) var end: ProcessEnd?
    /// Whether it has been ready.
    private(set) var wasReady = false
    /// Which session's events they are.
    private var instance: [UInt8] = []

    /// Opens the folder of the session that is there now; nil when there is none.
    ///
    /// - Parameter isStarting: whether that session may not have its place yet.
    static func open(
        _ names: SessionNames, isStarting: Bool, in directory: borrowing FileDescriptor
    ) -> EndTail? {
        var folder = isStarting ? try? directory.openDirectory(names.newFolder) : nil
        // It may have got there in between.
        if folder == nil { folder = try? directory.openDirectory(names.folder) }
        guard let folder else { return nil }
        let tail = EndTail(folder)
        tail.readEvents()
        return tail
    }

    private init(_ folder: consuming FileDescriptor) { self.folder = folder }

    /// Reads new events. What can't be read is as good as not there: the session's status tells the end as well.
    func readEvents() { try? file.read(in: folder) { receive($0) } }

    /// Whether these may be the events of a session.
    func isOf(_ instance: String) -> Bool {
        instance.isEmpty || self.instance.isEmpty || self.instance.elementsEqual(instance.utf8)
    }

    private func receive(_ line: UnsafeBufferPointer<UInt8>) {
        let event = jsonMember("event", of: line)
        if instance.isEmpty { appendJSONString(jsonMember("instance", of: line), to: &instance) }
        if isJSONString(event, "ready") { wasReady = true }
        if !isJSONString(event, "exited") { return }
        // Another child may follow.
        let state = jsonMember("to", of: line)
        if !isJSONString(state, "exited"), !isJSONString(state, "failed") { return }
        end = StatusSummary.end(codeKey: "exitCode", line)
    }
}
