import CSystem
import KeeperShared

extension SavedState.Journal {
    /// What the writer of a journal would have known that died with its process: it is all in the files.
    ///
    /// What it had of an index in memory is lost; a record that is there in part is cut off. That a segment had ended
    /// early is forgotten: it gets longer then, which readers don't mind.
    init(recovering stream: StreamName, in folder: borrowing FileDescriptor) throws(SystemError) {
        self.init()
        var bases = try segmentBases(of: stream, in: folder)
        guard let newest = bases.popLast() else { throw SystemError("open", "\(stream.linkName)", ENOENT) }
        for base in bases {
            let size = try folder.metadata(of: stream.segmentName(base: base))?.size ?? 0
            closed.append(Segment(base: base, size: size))
        }
        base = newest
        let name = stream.segmentName(base: base)
        let file = try folder.open(name, O_WRONLY | O_APPEND)
        let metadata = try file.metadata()
        size = metadata.size
        if let link = try folder.metadata(of: stream.linkName), !link.isSameFile(as: metadata) {
            // It died between the two. The link is for people; a failure costs them the newest lines.
            try? folder.remove(stream.newLinkName)
            try? folder.link(name, to: stream.newLinkName)
            try? folder.rename(stream.newLinkName, to: stream.linkName)
        }
        recoverIndex(of: stream, in: folder)
        log = file.release()
    }

    private mutating func recoverIndex(of stream: StreamName, in folder: borrowing FileDescriptor) {
        do throws(SystemError) {
            let file = try folder.open(stream.indexName(base: base), O_WRONLY | O_CREAT | O_APPEND)
            let size = try file.metadata().size
            index.count = size / StreamName.indexRecordSize
            let number = file.raw
            if size % StreamName.indexRecordSize != 0 {
                try systemCall("truncate") {
                    ftruncate(number, off_t(index.count * StreamName.indexRecordSize))
                }
            }
            index.descriptor = file.release()
        } catch {
            index.isBroken = true
        }
    }
}
