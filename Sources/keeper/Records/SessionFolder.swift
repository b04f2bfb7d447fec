import KeeperShared

/// A session's folder: one descriptor for the place, the recorder and the journals.
final class SessionFolder {
    let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// Somebody has removed it: nothing can be recorded any more, however long one waits.
    var isRemoved: Bool {
        // What can't be looked at counts as there: recording is tried again.
        (try? descriptor.metadata())?.links == 0
    }
}
